// Package failpoint marks the moments at which a crash or an error hurts most:
// round every sync, rename, commit and acknowledgement. A program built with
// the tag failpoints can be told to end, or to get an error, at any of them;
// in any other program a mark is nothing.
//
//	YIZHAN_FAILPOINT='journal.append.synced=kill@20' yizhan run …
//
// kills the process when it comes there for the 20th time. Instead of kill:
// eio or enospc, an error of the disk, once; pause, three seconds.
// YIZHAN_FAILPOINT_RECORD names a directory that gets a file for each moment
// that was reached.
package failpoint

// Name is a moment.
type Name string

// The moments, in the order in which a submission meets them. A test sees that
// each is reached.
const (
	DirMade     Name = "durable.mkdir.made"   // a directory exists and its parent was not synced
	DirSynced   Name = "durable.mkdir.synced" // and was
	FileWritten Name = "durable.file.written" // a temporary file is written and not synced
	FileSynced  Name = "durable.file.synced"  // and synced
	FileRenamed Name = "durable.file.renamed" // it has its name, and the directory was not synced
	FileNamed   Name = "durable.file.named"   // and was

	ChunkWritten Name = "content.put.written" // a chunk is written and not synced
	ChunkSynced  Name = "content.put.synced"  // and synced
	ChunkRenamed Name = "content.put.renamed" // it has its address, and the directory was not synced
	ChunkNamed   Name = "content.put.named"   // and was: the next step acknowledges it

	SegmentMade    Name = "journal.roll.made"      // a new segment exists and is in no list
	SegmentSynced  Name = "journal.roll.synced"    // it is durable and in no list
	SegmentListed  Name = "journal.roll.listed"    // it is in the list
	AppendBegins   Name = "journal.append.begins"  // nothing is written
	AppendWritten  Name = "journal.append.written" // entries are written and not synced
	AppendSynced   Name = "journal.append.synced"  // and synced: the next step acknowledges them to the leader
	SegmentDropped Name = "journal.cut.listed"     // the list forgets segments, whose files are there

	ApplyBegins    Name = "store.apply.begins"    // no transaction is open
	ApplyMutated   Name = "store.apply.mutated"   // the transaction has everything and is not committed
	ApplyCommitted Name = "store.apply.committed" // it is, and nobody knows

	StageWritten   Name = "store.install.written" // a received state is whole and not synced
	StageSynced    Name = "store.install.synced"  // and synced, beside the live one
	StageRenamed   Name = "store.install.renamed" // it has its name, and the directory was not synced
	StageInstalled Name = "store.install.named"   // and was; the log refers to the state before

	ProposalAnswered  Name = "raftnode.propose.answered" // a command is committed, and its caller does not know
	SubmissionAnswers Name = "api.submit.answers"        // a submission is kept, and the unit does not know
)

// Names lists every moment.
func Names() []Name {
	return []Name{
		DirMade, DirSynced, FileWritten, FileSynced, FileRenamed, FileNamed,
		ChunkWritten, ChunkSynced, ChunkRenamed, ChunkNamed,
		SegmentMade, SegmentSynced, SegmentListed, AppendBegins, AppendWritten, AppendSynced, SegmentDropped,
		ApplyBegins, ApplyMutated, ApplyCommitted,
		StageWritten, StageSynced, StageRenamed, StageInstalled,
		ProposalAnswered, SubmissionAnswers,
	}
}
