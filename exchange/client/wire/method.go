package wire

import pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"

// Changes reports whether a method changes anything. When its answer is lost,
// the outcome of such a call is unknown; any other may simply be made again.
func Changes(method string) bool {
	switch method {
	case pb.Exchange_Submit_FullMethodName, pb.Exchange_Sign_FullMethodName, pb.Exchange_Return_FullMethodName,
		pb.Exchange_Recall_FullMethodName, pb.Exchange_Urge_FullMethodName, pb.Policy_PublishPolicy_FullMethodName,
		pb.Hold_ReleaseHeld_FullMethodName, pb.Hold_ReturnHeld_FullMethodName,
		pb.Membership_JoinReplica_FullMethodName, pb.Membership_RemoveReplica_FullMethodName, pb.Membership_TransferLeadership_FullMethodName,
		pb.Life_Admit_FullMethodName:
		return true
	}
	return false
}
