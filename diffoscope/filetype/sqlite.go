package filetype

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

const (
	sqliteMagic  = "SQLite format 3\x00"
	sqliteHeader = 100
	// maxSqliteDepth is how many levels a table may have: 2^64 rows have fewer.
	maxSqliteDepth = 24
)

// A sqliteFile is a database (https://www.sqlite.org/fileformat2.html).
type sqliteFile struct {
	*input
	page    int64 // bytes of one
	usable  int64 // of them
	pages   int64
	charset uint32
}

// parseSqlite takes a database apart: the fields of its header, its schema, and the
// rows of each table as text. All its pages are one content.
func parseSqlite(in *input, b *builder) error {
	head, err := in.bytes(0, sqliteHeader)
	if err != nil {
		return err
	}
	f := &sqliteFile{input: in, page: int64(binary.BigEndian.Uint16(head[16:]))}
	if f.page == 1 {
		f.page = 65536
	}
	f.usable = f.page - int64(head[20])
	f.charset = binary.BigEndian.Uint32(head[56:])
	if f.page < 512 || f.page&(f.page-1) != 0 || f.usable < 480 {
		return in.damaged("pages of %d bytes, %d of them unused", f.page, head[20])
	}
	f.pages = in.Size() / f.page
	for _, h := range sqliteFields {
		n := binary.BigEndian.Uint32(head[h.offset:])
		follows := slices.Contains([]string{"changes", "version valid for change", "page count", "first free page", "free pages"}, h.name)
		b.add(Part{Name: h.name, Value: decimal(n), Derived: follows, Offset: h.offset, Size: 4})
	}
	b.field("page size", decimal(f.page), 16, 2)
	b.field("encoding", sqliteEncoding(f.charset), 56, 4)
	b.field("journal", map[bool]string{true: "write-ahead log", false: "rollback"}[head[18] == 2], 18, 2)
	f.addTables(b)
	b.add(Part{Name: "pages", Open: in.open(sqliteHeader, in.Size()-sqliteHeader), Offset: sqliteHeader, Size: in.Size() - sqliteHeader})
	return nil
}

// sqliteFields are numbers of the header (section 1.3).
var sqliteFields = []struct {
	offset int64
	name   string
}{
	{96, "SQLite version"},
	{24, "changes"},
	{92, "version valid for change"},
	{28, "page count"},
	{32, "first free page"},
	{36, "free pages"},
	{40, "schema changes"},
	{44, "schema format"},
	{48, "cache size"},
	{52, "largest root page"},
	{60, "user version"},
	{64, "incremental vacuum"},
	{68, "application id"},
}

func sqliteEncoding(charset uint32) string {
	switch charset {
	case 1:
		return "UTF-8"
	case 2:
		return "UTF-16 little-endian"
	case 3:
		return "UTF-16 big-endian"
	}
	return decimal(charset)
}

// addTables adds the schema, and the rows of each table. What is damaged ends there.
func (f *sqliteFile) addTables(b *builder) {
	b.add(Part{Name: "schema", Text: true, Of: "pages", Open: f.text(func(yield func(string) bool) error {
		return f.rows(1, func(_ string, row []string) bool {
			return len(row) < 5 || yield(fmt.Sprintf("%s %s on %s\n%s\n", row[0], row[1], row[2], row[4]))
		})
	})})
	type table struct {
		name string
		root int64
	}
	var tables []table
	left := f.limits.Memory / 4 // for their names
	err := f.rows(1, func(_ string, row []string) bool {
		var root int64
		if len(row) >= 5 && row[0] == "'table'" {
			if n, ok := digits(row[3]); ok && n > 0 {
				root = n
			}
		}
		if root > 0 {
			tables = append(tables, table{strings.Trim(row[1], "'"), root})
			left -= int64(len(row[1])) + partSize
		}
		return left > 0
	})
	if err != nil {
		return
	}
	for _, t := range tables {
		b.add(Part{Name: "table " + t.name, Text: true, Of: "pages", Open: f.text(func(yield func(string) bool) error {
			return f.rows(t.root, func(id string, row []string) bool {
				return yield(id + strings.Join(row, "|") + "\n")
			})
		})})
	}
}

// rows yields the rows of the table whose root is a page, in its order, with their ids
// and "|". A table WITHOUT ROWID has none.
func (f *sqliteFile) rows(root int64, yield func(id string, row []string) bool) error {
	left := f.pages // no page is needed twice
	_, err := f.walk(root, maxSqliteDepth, &left, yield)
	return err
}

// The kinds of pages that trees have (section 1.6): rows with ids are on the leaves,
// those without on all pages.
const (
	sqliteInnerIndex = 2
	sqliteInnerTable = 5
	sqliteLeafIndex  = 10
	sqliteLeafTable  = 13
)

// walk reads a page of a table (section 1.6) and those below it. It reports whether
// to go on.
func (f *sqliteFile) walk(number int64, depth int, left *int64, yield func(string, []string) bool) (bool, error) {
	if *left--; *left < 0 || depth == 0 {
		return false, f.damaged("a table has pages below itself")
	}
	page, err := f.readPage(number)
	if err != nil {
		return false, err
	}
	at := 0
	if number == 1 {
		at = sqliteHeader
	}
	kind, cells := page[at], int(binary.BigEndian.Uint16(page[at+3:]))
	inner := kind == sqliteInnerIndex || kind == sqliteInnerTable
	size := 8
	if inner {
		size = 12
	}
	if !inner && kind != sqliteLeafIndex && kind != sqliteLeafTable || at+size+2*cells > len(page) {
		return false, f.damaged("page %d is none of a table", number)
	}
	for i := range cells {
		cell := int(binary.BigEndian.Uint16(page[at+size+2*i:]))
		if cell+4 > len(page) {
			return false, f.damaged("cell %d of page %d is outside of it", i, number)
		}
		more := true
		if inner {
			more, err = f.walk(int64(binary.BigEndian.Uint32(page[cell:])), depth-1, left, yield)
			cell += 4
		}
		if err == nil && more && kind != sqliteInnerTable {
			more, err = f.cell(page, cell, kind == sqliteLeafTable, left, yield)
		}
		if err != nil || !more {
			return false, err
		}
	}
	if inner {
		return f.walk(int64(binary.BigEndian.Uint32(page[at+8:])), depth-1, left, yield)
	}
	return true, nil
}

// readPage returns a page without the bytes that are for extensions.
func (f *sqliteFile) readPage(number int64) ([]byte, error) {
	if number < 1 || number > f.pages {
		return nil, f.damaged("page %d of %d", number, f.pages)
	}
	page, err := f.bytes((number-1)*f.page, f.page)
	if err != nil {
		return nil, err
	}
	return page[:f.usable], nil
}

// cell reads a row, with its id if it has one, some of which may be on overflow pages
// (section 1.6 and 1.7).
func (f *sqliteFile) cell(page []byte, at int, hasID bool, left *int64, yield func(string, []string) bool) (bool, error) {
	size, n := sqliteVarint(page[at:])
	at += n
	id, most := "", (f.usable-12)*64/255-23
	if hasID {
		number, k := sqliteVarint(page[at:])
		if k == 0 {
			return false, f.damaged("a row without an id")
		}
		at += k
		id, most = decimal(number)+"|", f.usable-35
	}
	local := size
	if size > most {
		least := (f.usable-12)*32/255 - 23
		if local = least + (size-least)%(f.usable-4); local > most {
			local = least
		}
	}
	if n == 0 || size < 0 || int64(at)+local > int64(len(page)) {
		return false, f.damaged("a row of %d bytes", size)
	}
	payload := page[at : int64(at)+local]
	if local < size {
		if size > f.limits.Memory/4 || size > f.Size() {
			return false, &LimitError{What: "bytes of a row", Limit: f.limits.Memory / 4}
		}
		if int64(at)+local+4 > int64(len(page)) {
			return false, f.damaged("a row of %d bytes", size)
		}
		next := int64(binary.BigEndian.Uint32(page[int64(at)+local:]))
		payload = append(make([]byte, 0, size), payload...)
		for int64(len(payload)) < size {
			if *left--; *left < 0 {
				return false, f.damaged("overflow pages in a circle")
			}
			over, err := f.readPage(next)
			if err != nil {
				return false, err
			}
			next = int64(binary.BigEndian.Uint32(over))
			payload = append(payload, over[4:min(int64(len(over)), 4+size-int64(len(payload)))]...)
		}
	}
	row, err := f.record(payload)
	return err == nil && yield(id, row), err
}
