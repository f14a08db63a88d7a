package api

import (
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// rule says who may call one method. The zero rule refuses everybody.
type rule struct {
	public bool // even without a credential
	anyone bool // any authenticated caller
	duties []exchange.Duty
}

// foreign are the methods of standard services, which carry no roles option.
// Health is for load balancers; the schema is for those who may call.
var foreign = map[string]rule{
	"/grpc.health.v1.Health/Check":                                   {public: true},
	"/grpc.health.v1.Health/List":                                    {public: true},
	"/grpc.health.v1.Health/Watch":                                   {public: true},
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {anyone: true},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {anyone: true},
}

var dutyOf = map[pb.Role]exchange.Duty{
	pb.Role_ROLE_HANDLER:          exchange.Handler,
	pb.Role_ROLE_CLERK:            exchange.Clerk,
	pb.Role_ROLE_SECURITY_OFFICER: exchange.SecurityOfficer,
	pb.Role_ROLE_ADMINISTRATOR:    exchange.Administrator,
	pb.Role_ROLE_AUDITOR:          exchange.Auditor,
	pb.Role_ROLE_SUPERVISOR:       exchange.Supervisor,
}

// rulesOf reads the roles option of every method that the server serves.
func rulesOf(services map[string]grpc.ServiceInfo) (map[string]rule, error) {
	rules := map[string]rule{}
	for service, info := range services {
		for _, m := range info.Methods {
			full := "/" + service + "/" + m.Name
			if r, ok := foreign[full]; ok {
				rules[full] = r
				continue
			}
			r, err := ruleOf(protoreflect.FullName(service + "." + m.Name))
			if err != nil {
				return nil, err
			}
			rules[full] = r
		}
	}
	return rules, nil
}

// ruleOf reads the option of one method. Roles that no person has (a replica,
// a peer) add nothing here.
func ruleOf(method protoreflect.FullName) (rule, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(method)
	if err != nil {
		return rule{}, fmt.Errorf("api: method %s: %w", method, err)
	}
	var r rule
	for _, role := range proto.GetExtension(d.Options(), pb.E_Roles).([]pb.Role) {
		if role == pb.Role_ROLE_ANYONE {
			r.anyone = true
		} else if duty, ok := dutyOf[role]; ok {
			r.duties = append(r.duties, duty)
		}
	}
	return r, nil
}

// admits returns nil when the caller may call.
func (r rule) admits(c exchange.Caller) error {
	if r.anyone || c.Has(r.duties...) {
		return nil
	}
	names, chinese := dutyNames(r.duties)
	e := exchange.Errorf(exchange.Denied, "api.authorize", "your roles do not allow this call")
	p := exchange.Problems{}
	p.Add("", "role.missing", "needs one of the roles: "+names, "需要下列角色之一："+chinese, "",
		"ask your unit's administrator for the role, or let a person who has it do this")
	e.Problems = p
	return e
}

var dutyChinese = map[exchange.Duty]string{
	exchange.Handler: "经办", exchange.Clerk: "签收", exchange.SecurityOfficer: "安全管理员",
	exchange.Administrator: "系统管理员", exchange.Auditor: "安全审计员", exchange.Supervisor: "督办",
}

func dutyNames(duties []exchange.Duty) (english, chinese string) {
	if len(duties) == 0 {
		return "none", "无"
	}
	var en, zh []string
	for _, d := range duties {
		en, zh = append(en, string(d)), append(zh, dutyChinese[d])
	}
	return strings.Join(en, ", "), strings.Join(zh, "、")
}
