package tour

import (
	"context"
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const returnNote = "本件应由市教育局办理，请改送。"

// document: an official document goes down two levels at once.
func document() scene {
	return scene{"公文下发", "An official document is issued downward", []step{
		{"省卫健委向市、县同时印发通知", "the province sends a 通知 to city and county at once", issue},
		{"市县均已送达，正文附件一致", "both have it, text and attachment identical", issuedArrived},
		{"市卫健委签收", "the city signs for it", signIssued},
		{"县卫健委退文并说明理由", "the county returns it with a reason and a note", returnIssued},
		{"省卫健委见两级回执，并可读退文说明", "the province sees the receipts of both and reads the note", readNote},
	}}
}

func issue(ctx context.Context, p *player) (err error) {
	p.issued, err = p.submit(ctx, province, exchange.Submission{
		Kind: "document", To: []string{city, county}, Type: "通知", Number: p.number("苏卫发"), Date: p.date(),
		Title: "关于做好冬季呼吸道传染病防控工作的通知", Urgency: "加急",
	}, file{"通知.ofd", []byte("各设区市、县（市、区）卫生健康委：")}, file{"附件1：工作方案.ofd", mebibytes(1)})
	if err != nil {
		return err
	}
	return expect("state", "accepted", p.issued.answer.State)
}

func issuedArrived(ctx context.Context, p *player) error {
	err := p.await(ctx, province, p.issued, city+"=arrived [accepted@320000 arrived@320500]; "+
		county+"=arrived [accepted@320000 relayed@320500 arrived@320582]")
	if err != nil {
		return err
	}
	for _, unit := range []string{city, county} {
		if err := p.identical(ctx, unit, p.issued); err != nil {
			return fmt.Errorf("%s: %w", unit, err)
		}
	}
	return nil
}

func signIssued(ctx context.Context, p *player) error {
	out, err := p.as(city).Sign(ctx, p.issued.Number) // by its 发文字号, as clerks do
	if err != nil {
		return err
	}
	return expect("state", "signed", out.State)
}

func returnIssued(ctx context.Context, p *player) error {
	out, err := p.as(county).Return(ctx, p.issued.id(), "not_ours", returnNote)
	if err != nil {
		return err
	}
	return expect("state", "returned", out.State)
}

func readNote(ctx context.Context, p *player) error {
	err := p.await(ctx, province, p.issued, city+"=signed [accepted@320000 arrived@320500 signed@320500]; "+
		county+"=returned [accepted@320000 relayed@320500 arrived@320582 returned@320582]")
	if err != nil {
		return err
	}
	t, err := p.as(province).Track(ctx, p.issued.id())
	if err != nil {
		return err
	}
	receipts := t.Deliveries[1].Receipts // as awaited
	last := receipts[len(receipts)-1]
	return expect("note", "[not_ours] "+returnNote, fmt.Sprint(last.Reasons, " ", last.Note))
}
