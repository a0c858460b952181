package acr

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// credential is a user name and a password.
type credential struct{ user, password string }

// maxConfig bounds the docker configuration and what is read as a password, in bytes.
const maxConfig = 1 << 20

// dockerConfig is what acr reads and writes of ~/.docker/config.json. Other members stay as they are.
type dockerConfig map[string]json.RawMessage

// dockerLogin is a login in it.
type dockerLogin struct {
	Auth          string `json:"auth,omitempty"`
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
}

// credential finds the login of a registry: in the files of --config, else where docker keeps it. None is no error.
func (s *session) credential(server string) (credential, error) {
	for _, path := range s.configs() {
		config, err := s.readConfig(path)
		if err != nil {
			return credential{}, err
		}
		auths, err := config.auths()
		if err != nil {
			return credential{}, fmt.Errorf("%s: %w", path, err)
		}
		for host, login := range auths {
			if strings.EqualFold(hostOf(host), server) {
				return login.credential()
			}
		}
	}
	return credential{}, nil
}

// onlyLogin is the registry of the configuration, if it has a login for exactly one.
func (s *session) onlyLogin() string {
	config, err := s.readConfig(s.configs()[0])
	if err != nil {
		return ""
	}
	auths, err := config.auths()
	if err != nil || len(auths) != 1 {
		return ""
	}
	for host := range auths {
		return hostOf(host)
	}
	return ""
}

// configs are the files that may have logins.
func (s *session) configs() []string {
	if given := s.arguments.All("config"); len(given) > 0 {
		return given
	}
	dir := s.Getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(s.Getenv("HOME"), ".docker")
	}
	return []string{filepath.Join(dir, "config.json")}
}

func (s *session) readConfig(path string) (dockerConfig, error) {
	f, err := os.Open(s.Path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return dockerConfig{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return nil, err
	}
	config := dockerConfig{}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func (c dockerConfig) auths() (map[string]dockerLogin, error) {
	auths := map[string]dockerLogin{}
	if c["auths"] == nil {
		return auths, nil
	}
	err := json.Unmarshal(c["auths"], &auths)
	return auths, err
}

// hostOf is the host of a key of the configuration, which may be a URL.
func hostOf(key string) string {
	_, rest, found := strings.Cut(key, "://")
	if !found {
		rest = key
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// credential reads a login in any of its forms; a refresh token may stand as identity token.
func (l dockerLogin) credential() (credential, error) {
	c := credential{l.Username, l.Password}
	if l.Auth != "" {
		decoded, err := base64.StdEncoding.DecodeString(l.Auth)
		if err != nil {
			return credential{}, errors.New("invalid auth configuration file")
		}
		user, password, ok := strings.Cut(string(decoded), ":")
		if !ok {
			return credential{}, errors.New("invalid auth configuration file")
		}
		c = credential{user, strings.TrimRight(password, "\x00")}
	}
	if c.password == "" {
		c.password = l.IdentityToken
	}
	return c, nil
}

// logIn is acr login: it tries the login at the registry, and keeps it if it is good.
func logIn(ctx context.Context, s *session) error {
	if len(s.arguments.Rest) != 1 {
		return fmt.Errorf("accepts 1 arg(s), received %d", len(s.arguments.Rest))
	}
	server := s.arguments.Rest[0]
	given, err := s.givenCredential()
	if err != nil {
		return err
	}
	if err := s.ping(ctx, server, given); err != nil {
		return err
	}
	if err := s.store(server, given); err != nil {
		return err
	}
	s.printf("Login Succeeded\n")
	return nil
}

// givenCredential is that of the flags, or what can be read from the input. There is no prompt: a task has no terminal.
func (s *session) givenCredential() (credential, error) {
	c := credential{s.arguments.String("username"), s.arguments.String("password")}
	if s.arguments.Bool("password-stdin") {
		data, err := io.ReadAll(io.LimitReader(s.Stdin, maxConfig))
		if err != nil {
			return credential{}, err
		}
		c.password = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	} else if c.password != "" {
		fmt.Fprintln(s.Stderr, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
	}
	if c.password == "" {
		return credential{}, errors.New("password required")
	}
	return c, nil
}

// ping asks the registry whether it takes the login: a refresh token by exchanging it, a password at /v2/.
func (s *session) ping(ctx context.Context, server string, login credential) error {
	c := &client{session: s, loginServer: server}
	if login.user == "" || login.user == refreshTokenUser {
		c.refresh, c.scope = login.password, "registry:catalog:*"
		return c.renew(ctx)
	}
	c.user, c.password = login.user, login.password
	_, err := c.send(ctx, call{name: "GetDockerRegistryV2Support", method: http.MethodGet, path: "/v2/"})
	return err
}

// store keeps a login in the first configuration file, and changes nothing else there.
func (s *session) store(server string, login credential) error {
	path := s.configs()[0]
	config, err := s.readConfig(path)
	if err != nil {
		return err
	}
	auths, err := config.auths()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	auths[server] = dockerLogin{Auth: base64.StdEncoding.EncodeToString([]byte(login.user + ":" + login.password))}
	if config["auths"], err = json.Marshal(auths); err != nil {
		return err
	}
	data, err := json.MarshalIndent(config, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.Path(path)), 0o700); err != nil {
		return err
	}
	return os.WriteFile(s.Path(path), data, 0o600)
}
