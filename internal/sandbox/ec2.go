package sandbox

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ec2State is what EC2 holds, by id.
type ec2State struct {
	VPCs      map[string]*vpc
	Gateways  map[string]*types.InternetGateway
	Subnets   map[string]*types.Subnet
	Tables    map[string]*types.RouteTable
	ACLs      map[string]*types.NetworkAcl
	Groups    map[string]*types.SecurityGroup // their rules are in Rules
	Rules     map[string]*types.SecurityGroupRule
	Addresses map[string]*types.Address
	NATs      map[string]*types.NatGateway
	Endpoints map[string]*types.VpcEndpoint
	FlowLogs  map[string]*types.FlowLog
	ENIs      map[string]*types.NetworkInterface
	Tokens    map[string]token // by operation and client token
}

// Quotas are those of a new account (user guide, "Amazon VPC quotas").
const (
	maxVPCs      = 5
	maxGateways  = 5
	maxAddresses = 5
	maxNATs      = 5  // an AZ
	maxRules     = 60 // a group and direction
	maxSubnets   = 200
	maxTables    = 200
)

type ec2Service struct{ *Sandbox }

func newEC2(s *Sandbox) *ec2Service {
	e := &ec2Service{s}
	s.on["nat.settle"] = e.settleNAT
	s.on["nat.deleted"] = e.deletedNAT
	s.on["nat.forget"] = func(ref string) { r, id := s.byRef(ref); delete(r.EC2.NATs, id) }
	s.on["endpoint.available"] = e.availableEndpoint
	s.on["endpoint.deleted"] = e.deletedEndpoint
	return e
}

// natRemembered is how long a deleted NAT gateway is still listed (user guide, "Delete a NAT gateway").
const natRemembered = time.Hour

// A ref names a thing of a region in an event: "us-east-1 nat-0123".
func ref(r *Region, id string) string { return r.Name + " " + id }

func (s *Sandbox) byRef(ref string) (r *Region, id string) {
	var region string
	if n, err := fmt.Sscan(ref, &region, &id); n != 2 {
		panic(err)
	}
	return s.regionNamed(region), id
}

// A token is what an operation made for a client token, and what it was asked for.
type token struct{ ID, Params string }

// idempotent returns the id that an operation made for a client token before, "" for none. The same token with other
// parameters is an error (EC2 API reference, "Ensuring idempotency").
func idempotent(r *Region, op string, clientToken *string, in any) (id string, err error) {
	if val(clientToken) == "" {
		return "", nil
	}
	t, ok := r.EC2.Tokens[op+" "+*clientToken]
	if ok && t.Params != params(in) {
		return "", fail("IdempotentParameterMismatch", "The client token you have provided is associated with a resource with different parameters.")
	}
	return t.ID, nil
}

// remember notes what an operation made for a client token.
func remember(r *Region, op string, clientToken *string, in any, id string) {
	if val(clientToken) != "" {
		put(&r.EC2.Tokens, op+" "+*clientToken, token{id, params(in)})
	}
}

// params is an input as text, with what its pointers point to.
func params(in any) string { return fmt.Sprint(plain(reflect.ValueOf(in))) }

func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		var fields []any
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fields = append(fields, plain(v.Field(i)))
			}
		}
		return fields
	case reflect.Slice:
		var list []any
		for i := range v.Len() {
			list = append(list, plain(v.Index(i)))
		}
		return list
	}
	return v.Interface()
}

// dryRun is the answer to a request that asks only whether it may be made, nil for any other.
func dryRun(in any) error {
	if v := reflect.Indirect(reflect.ValueOf(in)); v.Kind() == reflect.Struct {
		if f := v.FieldByName("DryRun"); f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() && f.Elem().Bool() {
			return fail("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		}
	}
	return nil
}

// needed is the error of a request without a parameter, nil when it has it.
func needed(name string, v *string) error {
	if val(v) == "" {
		return fail("MissingParameter", "The request must contain the parameter %s", name)
	}
	return nil
}

// block parses an IPv4 range. AWS takes 10.0.0.9/24 as 10.0.0.0/24 (API reference of CreateVpc).
func block(param string, cidr *string) (netip.Prefix, error) {
	if err := needed(param, cidr); err != nil {
		return netip.Prefix{}, err
	}
	p, err := netip.ParsePrefix(*cidr)
	if err != nil || !p.Addr().Is4() {
		return p, fail("InvalidParameterValue", "Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", *cidr, param)
	}
	return p.Masked(), nil
}
