package template

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
)

// cidrFunctions are those of address ranges.
func cidrFunctions() map[string]function {
	return map[string]function{
		"parsecidr":  try1(parseCIDR),
		"cidrsubnet": {min: 3, max: 3, call: cidrSubnet},
		"cidrhost":   {min: 2, max: 2, call: cidrHost},
	}
}

func readCIDR(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("the value '%s' is not an address range such as 10.0.0.0/16", shorten(text))
	}
	return prefix.Masked(), nil
}

// hosts returns how many addresses a range has.
func hosts(prefix netip.Prefix) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(prefix.Addr().BitLen()-prefix.Bits()))
}

// offset returns the address so far behind another, of the same family.
func offset(from netip.Addr, by *big.Int) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(from.AsSlice()), by)
	addr, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, from.BitLen()/8)))
	return addr
}

func last(prefix netip.Prefix) netip.Addr {
	return offset(prefix.Addr(), new(big.Int).Sub(hosts(prefix), big.NewInt(1)))
}

func parseCIDR(text string) (map[string]any, error) {
	prefix, err := readCIDR(text)
	if err != nil {
		return nil, err
	}
	first, end := prefix.Addr(), last(prefix)
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(first.BitLen())), hosts(prefix))
	netmask, _ := netip.AddrFromSlice(mask.FillBytes(make([]byte, first.BitLen()/8)))
	parsed := map[string]any{
		"network": first.String(), "netmask": netmask.String(), "cidr": int64(prefix.Bits()),
		"firstUsable": first.String(), "lastUsable": end.String(),
	}
	if first.Is4() {
		parsed["broadcast"] = end.String()
		if prefix.Bits() < 31 {
			parsed["firstUsable"], parsed["lastUsable"] = first.Next().String(), end.Prev().String()
		}
	}
	return parsed, nil
}

// cidrSubnet finds a part of a range by its size and its number, from 0.
func cidrSubnet(_ evaluator, args []any) (any, error) {
	text, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	prefix, err := readCIDR(text)
	if err != nil {
		return nil, err
	}
	bits, err := as[int64](args, 1)
	if err != nil {
		return nil, err
	}
	number, err := as[int64](args, 2)
	switch {
	case err != nil:
		return nil, err
	case number < 0:
		return nil, errNegative
	case bits < int64(prefix.Bits()) || bits > int64(prefix.Addr().BitLen()):
		return nil, fmt.Errorf("the prefix length '%d' does not fit into '%s'", bits, prefix)
	}
	part := netip.PrefixFrom(prefix.Addr(), int(bits))
	by := new(big.Int).Mul(big.NewInt(number), hosts(part))
	if by.Cmp(hosts(prefix)) >= 0 {
		return nil, fmt.Errorf("the range '%s' has no part number '%d' of prefix length '%d'", prefix, number, bits)
	}
	return netip.PrefixFrom(offset(prefix.Addr(), by), int(bits)).String(), nil
}

// cidrHost finds a usable address of a range by its number, from 0.
func cidrHost(_ evaluator, args []any) (any, error) {
	text, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	prefix, err := readCIDR(text)
	if err != nil {
		return nil, err
	}
	number, err := as[int64](args, 1)
	if err != nil {
		return nil, err
	}
	if number < 0 {
		return nil, errNegative
	}
	by := big.NewInt(number)
	if prefix.Addr().Is4() && prefix.Bits() < 31 {
		by.Add(by, big.NewInt(1)) // the first is the network's
	}
	if by.Cmp(hosts(prefix)) >= 0 || prefix.Addr().Is4() && prefix.Bits() < 31 && offset(prefix.Addr(), by) == last(prefix) {
		return nil, errors.New("the range has no usable address of that number")
	}
	return offset(prefix.Addr(), by).String(), nil
}
