package proxy

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	const tor, other = "socks5h://127.0.0.1:9050", "http://proxy.example:3128"
	for name, c := range map[string]struct {
		env                   map[string]string
		explicit, https, http string
		bad                   bool
	}{
		"none":             {},
		"all":              {env: map[string]string{"ALL_PROXY": tor}, https: tor, http: tor},
		"in small letters": {env: map[string]string{"all_proxy": tor}, https: tor, http: tor},
		"one and all":      {env: map[string]string{"ALL_PROXY": tor, "HTTPS_PROXY": other}, https: other, http: tor},
		"without a scheme": {env: map[string]string{"HTTPS_PROXY": "proxy.example:3128"}, https: other},
		"not for it":       {env: map[string]string{"ALL_PROXY": tor, "NO_PROXY": "registry.example"}},
		"explicit":         {env: map[string]string{"ALL_PROXY": other, "NO_PROXY": "registry.example"}, explicit: tor, https: tor, http: tor},
		"unknown":          {env: map[string]string{"ALL_PROXY": "socks4://127.0.0.1:1"}, bad: true},
		"unknown for http": {env: map[string]string{"HTTPS_PROXY": tor, "HTTP_PROXY": "ftp://secret@127.0.0.1:1"}, bad: true},
		"explicit unknown": {explicit: "secret", bad: false, https: "http://secret", http: "http://secret"},
		"explicit nothing": {explicit: "socks5h://", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			find, err := Find(c.explicit)
			var bad *Error
			if errors.As(err, &bad) != c.bad || (err == nil) == c.bad || c.bad && strings.Contains(err.Error(), "secret") {
				t.Fatalf("got %v", err)
			}
			if c.bad {
				return
			}
			for scheme, want := range map[string]string{"https": c.https, "http": c.http} {
				u, err := find(&url.URL{Scheme: scheme, Host: "registry.example"})
				if got := text(u); err != nil || got != want {
					t.Errorf("%s goes through %q, want %q; %v", scheme, got, want, err)
				}
				for _, host := range []string{"127.0.0.1:5000", "localhost", "[::1]:1"} {
					if u, err := find(&url.URL{Scheme: scheme, Host: host}); u != nil || err != nil {
						t.Errorf("%s goes through %v, %v", host, u, err)
					}
				}
			}
		})
	}
}

func text(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}
