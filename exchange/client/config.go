package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	opConfig      = "client.config"
	maxConfigSize = 1 << 20
)

// FindConfig returns the path of the client settings: the one given, else
// YIZHAN_CONFIG, else yizhan/client.yaml in the user's configuration
// directory.
func FindConfig(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if env := os.Getenv("YIZHAN_CONFIG"); env != "" {
		return env, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", exchange.Errorf(exchange.Invalid, opConfig, "there is no configuration directory; give --config or YIZHAN_CONFIG: %w", err)
	}
	return filepath.Join(dir, "yizhan", "client.yaml"), nil
}

// LoadConfig reads client.yaml strictly: unknown keys, repeated identities and
// incomplete ones are all reported at once, with their lines.
func LoadConfig(path string) (*Settings, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(path)
	}
	if err != nil {
		return nil, exchange.Errorf(exchange.Invalid, opConfig, "reading the client settings: %w", err)
	}
	s, err := ParseConfig(b)
	if err != nil {
		var e *exchange.Error
		if errors.As(err, &e) {
			e.Message = path + ": " + e.Message
		}
		return nil, err
	}
	s.dir = filepath.Dir(path)
	s.warn(path)
	return s, nil
}

func missing(path string) error {
	e := exchange.Errorf(exchange.NotFound, opConfig, "there are no client settings at %s", path)
	var p exchange.Problems
	p.Add("config", "config.missing", "no such file", "未找到客户端配置文件", "",
		"give --config FILE, set YIZHAN_CONFIG, or ask your domain's administrator for the file")
	e.Problems = p
	return e
}

// warn notices secrets that others can read.
func (s *Settings) warn(path string) {
	secrets := []string{}
	for _, i := range s.Identities {
		if i.Token != "" && len(secrets) == 0 {
			secrets = append(secrets, path)
		}
		if i.TokenFile != "" {
			secrets = append(secrets, s.resolve(i.TokenFile))
		}
	}
	for _, name := range secrets {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s holds a token and others can read it: chmod 600 %s", name, name))
		}
	}
}

// ParseConfig reads the text of client.yaml. Files are taken as relative to
// the working directory.
func ParseConfig(b []byte) (*Settings, error) {
	if len(b) > maxConfigSize {
		return nil, exchange.Errorf(exchange.Invalid, opConfig, "client settings are at most 1 MiB")
	}
	var s Settings
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil && err != io.EOF {
		return nil, notUnderstood(err)
	}
	if err := d.Decode(new(yaml.Node)); err != io.EOF {
		return nil, exchange.Errorf(exchange.Invalid, opConfig, "client settings are one YAML document, and more follows")
	}
	s.locate(b)
	p := s.check()
	if len(s.Identities) == 0 {
		p.Add("identities", "config.empty", "no identity is listed", "未列出任何身份", "", "list at least one under identities:")
	}
	return &s, p.Err(opConfig)
}

// locate finds the line of each identity, for messages.
func (s *Settings) locate(b []byte) {
	var lines struct {
		Identities []yaml.Node `yaml:"identities"`
	}
	if yaml.Unmarshal(b, &lines) != nil {
		return
	}
	for i := range min(len(lines.Identities), len(s.Identities)) {
		s.Identities[i].line = lines.Identities[i].Line
	}
}

var (
	yamlUnknown = regexp.MustCompile(`^(line \d+): field (\S+) not found in type .*$`)
	yamlPlace   = regexp.MustCompile(`^(?:yaml: )?(line \d+): `)
)

// notUnderstood tells where, never what the file holds: it may be a token.
func notUnderstood(err error) error {
	var p exchange.Problems
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		wrong = &yaml.TypeError{Errors: []string{err.Error()}}
	}
	for _, text := range wrong.Errors {
		if m := yamlUnknown.FindStringSubmatch(text); m != nil {
			p.Add(m[2], "config.unknown_key", m[1]+": unknown key "+m[2], "未知的配置项", "", "check the spelling; see the example in yizhan help")
			continue
		}
		where := "the file"
		if m := yamlPlace.FindStringSubmatch(text); m != nil {
			where = m[1]
		}
		p.Add("", "config.syntax", where+": not what was expected here", "配置文件格式不正确", "", "check indentation, colons and quotes")
	}
	return p.Err(opConfig)
}

// SaveConfig writes client.yaml whole or not at all, readable only by its
// owner, and makes its directory.
func SaveConfig(path string, s *Settings) (err error) {
	if err := s.check().Err(opConfig); err != nil {
		return err
	}
	b, err := yaml.Marshal(s)
	if err != nil {
		return exchange.Errorf(exchange.Internal, opConfig, "encoding the client settings: %w", err)
	}
	if err := replace(path, b); err != nil {
		return exchange.Errorf(exchange.Internal, opConfig, "writing the client settings: %w", err)
	}
	return nil
}

func replace(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".client-*.yaml") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone once renamed
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
