package tour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// filing: a case goes up one level, with content that travels in chunks.
func filing() scene {
	return scene{"办件上报", "A case is filed upward", []step{
		{"县卫健委上报办件，附两个附件，平台出具收存回执", "the county files a case with two attachments and is given a receipt", fileCase},
		{"县卫健委可读其所发", "the county reads what it sent", readOwn},
		{"市卫健委收件箱见其标题", "the city finds it in its inbox, with its title", findCase},
		{"市卫健委打开，表单数据一致", "the city opens it: the fields are those filed", readCase},
		{"市卫健委取回附件，逐字节一致", "the city fetches the attachments: identical, byte for byte", fetchCase},
		{"市卫健委签收", "the city signs for it", signCase},
		{"县卫健委见全程回执：已收存、待签收、已签收", "the county's track shows accepted, arrived, signed", trackCase},
	}}
}

func fileCase(ctx context.Context, p *player) (err error) {
	fields, err := json.Marshal(map[string]any{"申请人": "张家港市第一人民医院", "床位": 120, "科目": []string{"内科", "外科"}})
	if err != nil {
		return err
	}
	p.filed, err = p.submit(ctx, county, exchange.Submission{Kind: "case", To: []string{city}, Type: "上报件", Title: "医疗机构设置审批", Fields: fields},
		file{"申请表.pdf", bytes.Repeat([]byte("申请表 "), 512)}, file{"平面图.ofd", mebibytes(3)})
	if err != nil {
		return err
	}
	r := p.filed.answer.Receipt
	return expect("receipt", "accepted of 320582, signed: true", fmt.Sprintf("%s of %s, signed: %v", r.State, r.Domain, len(r.Signed.Bytes) > 0))
}

func readOwn(ctx context.Context, p *player) error {
	d, err := p.as(county).Show(ctx, p.filed.id())
	if err != nil {
		return err
	}
	return expect("title", p.filed.Title, d.Title)
}

func findCase(ctx context.Context, p *player) error {
	if err := p.await(ctx, county, p.filed, city+"=arrived [accepted@320582 arrived@320500]"); err != nil {
		return err
	}
	return p.listed(ctx, city, p.filed, "医疗机构设置审批 from "+county+", arrived")
}

func readCase(ctx context.Context, p *player) error {
	d, err := p.as(city).Show(ctx, p.filed.id())
	if err != nil {
		return err
	}
	var want, got any
	if err := errors.Join(json.Unmarshal(p.filed.Fields, &want), json.Unmarshal(d.Fields, &got)); err != nil {
		return err
	}
	if !reflect.DeepEqual(want, got) {
		return expect("fields", string(p.filed.Fields), string(d.Fields))
	}
	return expect("files", 2, len(d.FileList))
}

func fetchCase(ctx context.Context, p *player) error { return p.identical(ctx, city, p.filed) }

// identical fetches all files and compares them with what was handed in.
func (p *player) identical(ctx context.Context, unit string, s sent) error {
	got := make([]bytes.Buffer, len(s.contents))
	names := make([]string, len(s.contents))
	err := p.as(unit).Fetch(ctx, s.id(), nil, func(i int, f exchange.File) (io.Writer, error) {
		names[i] = f.Name
		return &got[i], nil
	})
	if err != nil {
		return err
	}
	for i := range s.contents {
		if !bytes.Equal(got[i].Bytes(), s.contents[i]) {
			return fmt.Errorf("file %d: expected 应为 the %d bytes handed in\nhappened 实际 %d other bytes", i+1, len(s.contents[i]), got[i].Len())
		}
		if err := expect("name", s.Files[i].Name, names[i]); err != nil {
			return err
		}
	}
	return nil
}

func signCase(ctx context.Context, p *player) error {
	out, err := p.as(city).Sign(ctx, p.filed.id())
	if err != nil {
		return err
	}
	return expect("answer", "signed, "+city+"=signed [accepted@320582 arrived@320500 signed@320500]",
		out.State+", "+chain(exchange.Tracking{Deliveries: out.Deliveries}))
}

func trackCase(ctx context.Context, p *player) error {
	return p.await(ctx, county, p.filed, city+"=signed [accepted@320582 arrived@320500 signed@320500]")
}
