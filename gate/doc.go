// Package gate decides, for each request to a container registry, whether Azure Container Registry would let it
// through, and says why.
//
// A [Policy] is everything a decision depends on, as plain data: registries with their network rules, private
// endpoints, principals, role assignments, and the table of trusted services. [Compile] turns it into an immutable
// [Snapshot]; [Snapshot.With] makes the next one from what changed. [Snapshot.Decide] is a pure function from a
// [Request] to a [Decision], whose steps carry one [Reason] and one rule for each stage:
//
//	              ┌─────────┐   ┌────────────────┐   ┌───────────────┐   ┌──────────┐
//	Request ─────►│ network ├──►│ authentication ├──►│ authorization ├──►│ resource ├──► Decision
//	              └─────────┘   └────────────────┘   └───────────────┘   └──────────┘
//	               endpoint,     who asks, and        role, condition,    locks, quota
//	               IP rules,     may still ask        scope map
//	               bypass
//
// The zero Snapshot, the zero Registry and the zero Decision all refuse. [Gate] puts the function in front of any
// registry as HTTP middleware; [Write] renders every refusal, in the bytes that ACR sends.
//
// The package imports nothing else of this module. The behaviour is ACR's, as Microsoft documents it and as it was
// observed; comments cite the notes on both as acr-behaviour §n.
package gate
