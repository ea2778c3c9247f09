// Package proxy says through which proxy a URL is asked for. What it doesn't
// understand is an error: nothing is asked around a proxy.
package proxy

import (
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// An Error reports that what From names is no proxy of a known kind. The value is
// not part of it: it may hold a password.
type Error struct{ From string }

func (e *Error) Error() string {
	return e.From + ": not a proxy: write http://, https://, socks5:// or socks5h://, then HOST:PORT"
}

// Find returns which proxy a URL is asked for through, nil for none.
//
// Where explicit is "", the environment decides: HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY as everywhere, and ALL_PROXY, which net/http doesn't know, for the first
// two where they aren't set, so that one variable puts everything behind Tor. An
// explicit proxy stands in for all of them. This machine itself is never asked for
// through a proxy. With socks5h, the proxy looks names up; so it does with socks5,
// in Go.
func Find(explicit string) (func(*url.URL) (*url.URL, error), error) {
	if explicit != "" {
		if !known(explicit) {
			return nil, &Error{"--proxy"}
		}
		return (&httpproxy.Config{HTTPProxy: explicit, HTTPSProxy: explicit}).ProxyFunc(), nil
	}
	config, all := httpproxy.FromEnvironment(), os.Getenv("ALL_PROXY")
	if all == "" {
		all = os.Getenv("all_proxy")
	}
	for _, p := range []*string{&config.HTTPSProxy, &config.HTTPProxy} {
		if *p == "" {
			*p = all
		}
		if *p != "" && !known(*p) {
			return nil, &Error{"HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"}
		}
	}
	return config.ProxyFunc(), nil
}

// known reports whether s is a proxy as net/http takes it.
func known(s string) bool {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}
