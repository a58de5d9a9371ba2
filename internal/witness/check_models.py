"""Holds recorded calls (package witness) against AWS's published service models, which come with botocore.

    check_models.py RECORD CALLS

Every request: members exist, required ones are there, types, enums, lengths, ranges, patterns. Every answer: the same,
and the code of an error is one that the model lists for the operation (or one of AWS's common errors). Every operation
that CALLS lists (aws/calls.go) must have been recorded.
"""
import collections
import datetime
import json
import re
import sys

import botocore
import botocore.loaders
import botocore.model

SERVICES = {  # AWS's service id -> its folder in botocore
    'ACM': 'acm', 'Application Auto Scaling': 'application-autoscaling', 'CloudWatch': 'cloudwatch', 'CloudWatch Logs': 'logs',
    'EC2': 'ec2', 'ECR': 'ecr', 'ECS': 'ecs', 'Elastic Load Balancing v2': 'elbv2', 'IAM': 'iam', 'Resource Groups Tagging API': 'resourcegroupstaggingapi',
    'Route 53': 'route53', 'STS': 'sts', 'Secrets Manager': 'secretsmanager',
}
ALIASES = {'scaling': 'application-autoscaling', 'elb': 'elbv2', 'tagging': 'resourcegroupstaggingapi'}  # what aws/calls.go imports them as

# Errors that every operation of a protocol may answer with (AWS: "Common Errors" of each API reference).
COMMON = {
    'AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation', 'ExpiredToken', 'ExpiredTokenException', 'InvalidClientTokenId',
    'UnrecognizedClientException', 'SignatureDoesNotMatch', 'Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequestsException',
    'ServiceUnavailable', 'ServiceUnavailableException', 'InternalFailure', 'InternalError', 'ValidationError', 'ValidationException',
    'OptInRequired', 'RequestExpired', 'NotImplemented',
}

# What AWS's models say and AWS does not hold to, each with its evidence.
EXCUSED = {
    # "For an internet gateway, the state is available when attached to a VPC" (EC2 API reference, InternetGatewayAttachment).
    r"InternetGateways\[\]\.Attachments\[\]\.State: 'available' is none of",
    # The model has capitals, AWS answers in lower case (every example of the EC2 API reference, and the AWS CLI's).
    r"^ec2/\w*VpcEndpoints? out\.VpcEndpoints?(\[\])?\.State: '(pending|available|deleting|deleted)' is none of",
    # A load balancer has more attributes by now than the model's list may hold: the SDK's own comment on
    # LoadBalancerAttribute names 25 of an Application Load Balancer.
    r'^elbv2/\w+ out\.Attributes: \d+ elements is not within None and 20',
    # The model lists it for other changes of a role; IAM answers so to parallel ones of any kind, and a test of ours has it do so.
    r'^iam/PutRolePolicy err: ConcurrentModification',
    # AWS has it since June 2026 (changelog of the Go SDK's cloudwatchlogs, v1.77); botocore's models of before have not.
    r'^logs/FilterLogEvents in\.StartFromHead: the model has no such member',
    # What an endpoint answers that is not AWS (an emulator, an old private region); a test of ours has one do so.
    r'^ecs/ListServiceDeployments err: UnknownOperationException',
    # Alarms on logs are younger than botocore's models: the Go SDK has them.
    r'^cloudwatch/DescribeAlarms out\.LogAlarms: the model has no such member',
    # A text in Route 53's model, a number in the Go SDK; in XML they are the same.
    r'^route53/\w+ (in|out)\.MaxItems: \d+ is no string',
}


# What no test against the sandbox can bring about, with the reason.
UNSEEN = {
    'ec2/DisassociateRouteTable',  # where associations outlive their subnets: moto, not AWS
}


class Models:
    def __init__(self):
        self.loader = botocore.loaders.create_loader()
        self.loaded = {}

    def operation(self, service, op):
        if service not in self.loaded:
            name = SERVICES.get(service)
            if name is None:
                raise KeyError(f'no model is known for the service {service!r}: add it to SERVICES')
            self.loaded[service] = botocore.model.ServiceModel(self.loader.load_service_model(name, 'service-2'), name)
        return self.loaded[service].operation_model(op)


def check(models, record):
    """The complaints about one record."""
    try:
        op = models.operation(record['service'], record['op'])
    except (KeyError, botocore.model.OperationNotFoundError) as e:
        return [f'operation: {e}']
    bad = list(value(op.input_shape, record['in'], 'in')) if op.input_shape else list(nothing(record['in'], 'in'))
    if 'out' in record:
        bad += value(op.output_shape, record['out'], 'out') if op.output_shape else nothing(record['out'], 'out')
    if 'err' in record:
        bad += error(op, record['err'])
    return bad


def error(op, code):
    listed = {c for s in op.error_shapes for c in (s.name, s.error_code) if c}
    if listed and code not in listed | COMMON:  # EC2's model lists none
        yield f'err: {code} is none of {", ".join(sorted(listed))}'


def nothing(v, path):
    if set(v) - {'$zero'}:
        yield f'{path}: the model has no such members: {", ".join(v)}'


def value(shape, v, path):
    kind = shape.type_name
    if getattr(shape, 'is_document_type', False):
        return
    if kind == 'structure':
        yield from structure(shape, v, path)
    elif kind == 'list':
        if not isinstance(v, list):
            yield f'{path}: {v!r} is no list'
            return
        yield from size(shape, len(v), path, 'elements')
        for i, e in enumerate(v):
            yield from value(shape.member, e, f'{path}[{i}]')
    elif kind == 'map':
        if not isinstance(v, dict):
            yield f'{path}: {v!r} is no map'
            return
        yield from size(shape, len(v), path, 'entries')
        for k, e in v.items():
            yield from value(shape.key, k, f'{path} key {k!r}')
            yield from value(shape.value, e, f'{path}.{k}')
    else:
        yield from scalar(shape, v, path)


def structure(shape, v, path):
    if not isinstance(v, dict):
        yield f'{path}: {v!r} is no structure'
        return
    names = {k.lower(): k for k in shape.members}  # Go's names have another case
    have = {names[k.lower()] for k in v.get('$zero', []) if k.lower() in names}
    for k, e in v.items():
        if k == '$zero':
            continue
        name = names.get(k.lower())
        if name is None:
            yield f'{path}.{k}: the model has no such member'
            continue
        have.add(name)
        yield from value(shape.members[name], e, f'{path}.{name}')
    for name in shape.required_members:
        if name not in have:
            yield f'{path}.{name}: is required'
    if getattr(shape, 'is_tagged_union', False) and len(v) != 1:
        yield f'{path}: a union has one member, not {len(v)}'


NUMBERS = {'integer': int, 'long': int, 'float': (int, float), 'double': (int, float)}


def scalar(shape, v, path):
    kind = shape.type_name
    if kind == 'string' or kind == 'character':
        if not isinstance(v, str):
            yield f'{path}: {v!r} is no string'
            return
        if getattr(shape, 'enum', None):
            if v not in shape.enum:
                yield f'{path}: {v!r} is none of {", ".join(shape.enum)}'
            return
        yield from size(shape, len(v), path, 'characters')
        pattern = shape.metadata.get('pattern')
        if pattern and not compiled(pattern).fullmatch(v):
            yield f'{path}: {v!r} does not match {pattern}'
    elif kind in NUMBERS:
        if not isinstance(v, NUMBERS[kind]) or isinstance(v, bool):
            yield f'{path}: {v!r} is no {kind}'
            return
        yield from size(shape, v, path, '')
    elif kind == 'boolean':
        if not isinstance(v, bool):
            yield f'{path}: {v!r} is no boolean'
    elif kind == 'timestamp':
        try:
            datetime.datetime.fromisoformat(v['$time'].replace('Z', '+00:00')[:19])
        except (KeyError, TypeError, ValueError):
            yield f'{path}: {v!r} is no time'
    elif kind == 'blob':
        if not isinstance(v, dict) or '$blob' not in v:
            yield f'{path}: {v!r} is no blob'
    else:
        yield f'{path}: the model has the unknown type {kind}'


def size(shape, n, path, of):
    lowest, highest = shape.metadata.get('min'), shape.metadata.get('max')
    if n == 0 and of in ('elements', 'entries') and path.startswith('out'):
        return  # the shape is a request's; there are none of them
    if lowest is not None and n < lowest or highest is not None and n > highest:
        yield f'{path}: {n} {of} is not within {lowest} and {highest}'.replace('  ', ' ')


JAVA = [  # what Java's regular expressions have and Python's lack: letters, blanks, digits of any script ...
    (r'\\p\{Print\}', r'[ -~]'), (r'\\p\{ASCII\}', r'[\\x00-\\x7f]'),  # ... these two stand by themselves
    (r'\\p\{L\}', r'a-zA-Z\\u00aa-\\uffdc'), (r'\\p\{Z\}', r' \\u00a0\\u2000-\\u200a'), (r'\\p\{N\}', r'0-9\\u0660-\\u0669'),  # ... these in [...]
    (r'\\uD800\\uDC00-\\uDBFF\\uDFFF', r'\\U00010000-\\U0010ffff'),  # UTF-16's pairs
    (r'\[\\w-_\]', r'[\\w_-]'),
]
patterns = {}


def compiled(pattern):
    """The pattern for Python's re. The whole value must match, as AWS's services want it."""
    if pattern not in patterns:
        p = pattern
        for java, python in JAVA:
            p = re.sub(java, python, p)
        patterns[pattern] = re.compile(p, re.DOTALL)
    return patterns[pattern]


def operations(calls):
    """The operations that aws/calls.go lists, as "folder/Operation"."""
    with open(calls) as f:
        return [f'{ALIASES.get(m[2], m[2])}/{m[1]}' for m in re.finditer(r'^\t(\w+)\s+call\[(\w+)\.', f.read(), re.M)]


def main(record, calls):
    models, seen, bad = Models(), collections.Counter(), collections.Counter()
    with open(record) as lines:
        for line in lines:
            r = json.loads(line)
            name = f'{SERVICES.get(r["service"], r["service"])}/{r["op"]}'
            seen[name] += 1
            for complaint in check(models, r):
                complaint = re.sub(r'\[\d+\]', '[]', f'{name} {complaint}')
                if not any(re.search(e, complaint) for e in EXCUSED):
                    bad[complaint] += 1
    for complaint, n in sorted(bad.items()):
        print(f'{complaint} ({n} times)')
    missing = [o for o in operations(calls) if o not in seen and o not in UNSEEN]
    for o in missing:
        print(f'{o}: never recorded')
    print(f'{sum(seen.values())} calls of {len(seen)} operations, botocore {botocore.__version__}: {len(bad)} complaints, {len(missing)} operations never recorded')
    return 1 if bad or missing or not seen else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
