package official

import "testing"

func TestPublishedVectorsHold(t *testing.T) {
	const id = "1.2.156.10.12100000400002195R-000-2016-0A-00056-X"
	if _, err := ParseUSCC("12100000400002195R"); err != nil {
		t.Error(err)
	}
	got, err := ParseIdentifier(id)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := MakeIdentifier(got); err != nil || again != id {
		t.Errorf("made %s, %v", again, err)
	}
	if !ValidIDCard("11010519491231002X") {
		t.Error("the citizen's number of GB 11643 is refused")
	}
}
