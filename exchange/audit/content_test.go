package audit_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/audit"
	dt "github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
)

// TestADishonestSenderIsFound opens content whose manifest, soundly signed, says
// other things than what was sealed.
func TestADishonestSenderIsFound(t *testing.T) {
	cases := map[string]struct {
		change func(x *trip)
		object string
	}{
		"a size":           {func(x *trip) { x.m.Parts[1].Size-- }, "content/1-0.bin"},
		"an attempt":       {func(x *trip) { x.m.Parts[1].Attempt[0] ^= 1 }, "content/1-0.bin"},
		"chunks exchanged": {func(x *trip) { c := x.m.Parts[1].Chunks; c[0], c[1] = c[1], c[0] }, "content/1-0.bin"},
		"the last chunk":   {func(x *trip) { x.m.Parts[1].Chunks = x.m.Parts[1].Chunks[:1] }, "content/1-0.bin"},
		"no chunk":         {func(x *trip) { x.m.Parts[1].Chunks = nil }, "content/1-0.bin"},
		"no header":        {func(x *trip) { x.m.Parts = nil }, "manifest"},
		"a file less":      {func(x *trip) { x.m.Parts = x.m.Parts[:1] }, "content/0-0.bin"},
		"a header of text": {func(x *trip) { x.m.Parts[0] = x.part(0, "title") }, "content/0-0.bin"},
		"a header too long": {func(x *trip) {
			x.m.Parts[0] = x.part(0, string(make([]byte, 3<<20)))
		}, "content/0-0.bin"},
		"a file of another size": {func(x *trip) { x.m.Parts[1] = x.part(1, "short") }, "content/1-0.bin"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x := submit(t, dt.Three(t))
			c.change(x)
			x.manifest = must(crypto.Sign(x.Domains[dt.County].Sign, crypto.ContextManifest, exchange.Encode(x.m)))
			x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 1)
			r, err := x.verify(x.export(t, audit.Disclosed), audit.Options{})
			wantFirst(t, r, err, audit.ErrOpen, c.object)
		})
	}
}

func TestAFileThatCannotBeWrittenFailsTheExtraction(t *testing.T) {
	x := arrive(t)
	full := errors.New("disk full")
	r, err := x.verify(x.export(t, audit.Disclosed), audit.Options{
		Extract: func(int, exchange.File) (io.Writer, error) { return nil, full },
	})
	wantOnly(t, r, err, audit.ErrOpen, "content/1-0.bin")
}

func TestUnitsAreTheirDomainsOwnStatement(t *testing.T) {
	x := arrive(t)
	u := exchange.Units{Domain: dt.County, Number: 1, NotAfter: sent + 1000, Units: []exchange.UnitInfo{{Unit: "wjw@320582", Name: "昆山市卫生健康委员会"}}}
	x.StateUnits(u)
	good := unpack(t, x.export(t, audit.None))
	good.data["units/320582-1.bin"][40] ^= 1
	r, err := x.verify(good.pack(t, x.Provider, true), audit.Options{})
	wantOnly(t, r, err, audit.ErrUnits, "units/320582-1")

	forged := must(crypto.Sign(x.Domains[dt.City].Sign, crypto.ContextUnits, exchange.Encode(u)))
	e := x.evidence(t, audit.None)
	e.Units = []crypto.Signed{forged}
	r, err = x.verify(export(t, e), audit.Options{})
	wantOnly(t, r, err, audit.ErrForged, "units/320582-1")
}

func TestAStatementUnderAnotherNameIsFound(t *testing.T) {
	x := arrive(t)
	for from, to := range map[string]string{
		"directory/320500-1": "directory/320500-2", "receipts/01-accepted-320582": "receipts/01-relayed-320582",
	} {
		u := unpack(t, x.export(t, audit.None))
		for i, name := range u.names {
			if cut, ok := bytes.CutPrefix([]byte(name), []byte(from)); ok {
				u.names[i] = to + string(cut)
				u.data[u.names[i]] = u.data[name]
			}
		}
		if r, err := x.verify(u.pack(t, x.Provider, true), audit.Options{}); err == nil || r.Failed()[0].Object != to {
			t.Errorf("%s as %s: %v", from, to, err)
		}
	}
}
