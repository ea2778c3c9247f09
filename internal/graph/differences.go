package graph

import (
	"reflect"
	"slices"
	"strings"
	"unicode"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// blocks has the fields of a recipe that are blocks which may be repeated, with
// their names in the source. Other fields are called after their attributes.
var blocks = map[string]string{
	"Repositories": "repository",
	"Sources":      "source",
	"Toolchains":   "toolchain",
	"Files":        "file",
	"Users":        "user",
	"Privileges":   "privilege",
	"Tests":        "test",
}

// rangeType is that of places in the source, which say nothing about an image.
var rangeType = reflect.TypeOf(recipe.Recipe{}.Range)

// differences returns the attributes and blocks of a recipe in which a and b
// differ, in the order of the type. Where they stand in the source is none.
func differences(a, b *recipe.Recipe) []string {
	var names []string
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		f := x.Type().Field(i)
		if f.Name != "Bytes" && !equal(x.Field(i), y.Field(i)) {
			names = append(names, sourceName(f.Name))
		}
	}
	return names
}

// sourceName returns what the field is called in a recipe.
func sourceName(field string) string {
	if name, ok := blocks[field]; ok {
		return name
	}
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// equal is reflect.DeepEqual, but for ranges, and an empty list is as good as none.
func equal(a, b reflect.Value) bool {
	if a.Type() == rangeType {
		return true
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return equal(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return a.Len() == 0 && b.Len() == 0 || reflect.DeepEqual(a.Interface(), b.Interface())
	}
	return a.Equal(b)
}

// changed returns the names of the elements that are in one list only, or differ,
// in their order: those of now, then those that are gone.
func changed[E any](before, now []E, name func(E) string) []string {
	was := make(map[string]E, len(before))
	for _, e := range before {
		was[name(e)] = e
	}
	var names []string
	for _, e := range now {
		old, ok := was[name(e)]
		if !ok || !reflect.DeepEqual(old, e) {
			names = append(names, name(e))
		}
		delete(was, name(e))
	}
	for _, e := range before {
		if _, gone := was[name(e)]; gone && !slices.Contains(names, name(e)) {
			names = append(names, name(e)+" removed")
		}
	}
	return names
}
