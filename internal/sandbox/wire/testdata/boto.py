"""boto.py call URL "signing-name Op Op …\\n…": calls the operations with boto3, every member filled by botocore's own
model, and checks each answer against that model: it parses, has every member, and no list or map is empty. Prints a
line a service; exits 1 unless all are right.

boto.py known < "signing-name Op.Member.Member\\n…": prints those members of inputs that botocore's model has."""
import datetime
import sys

import boto3
from botocore.config import Config

CLIENTS = {'elasticloadbalancing': 'elbv2', 'tagging': 'resourcegroupstaggingapi', 'monitoring': 'cloudwatch'}


def fill(shape, path=()):
    """A value for a shape; None for a type within itself."""
    t = shape.type_name
    if shape.name in path:
        return None
    path += (shape.name,)
    if t == 'structure':
        if getattr(shape, 'is_document_type', False):
            return {'k': [1, 'two', 3.5]}
        members = shape.members.items()
        if getattr(shape, 'is_tagged_union', False):
            members = list(members)[:1]
        filled = {k: fill(m, path) for k, m in members}
        return {k: v for k, v in filled.items() if v is not None}
    if t == 'list':
        e = fill(shape.member, path)
        return None if e is None else [e, e]
    if t == 'map':
        e = fill(shape.value, path)
        key = shape.key.enum[0] if getattr(shape.key, 'enum', None) else 'k'
        return None if e is None else {key: e}
    return scalar(shape)


def scalar(shape):
    t = shape.type_name
    if shape.name == 'PageMaxItems':  # of Route 53: a number that the model calls a string
        return '1'
    if t == 'string':
        least, most = shape.metadata.get('min', 1), shape.metadata.get('max', 99999)
        return (shape.enum[0] if shape.enum else 's' * max(36, least))[:most]
    if t in ('integer', 'long'):
        return max(1, shape.metadata.get('min', 1))
    return {'float': 1.5, 'double': 1.5, 'boolean': True, 'timestamp': datetime.datetime(2024, 1, 2), 'blob': b'ab\0c'}[t]


def missing(shape, v, path=(), names=()):
    """Yields the members that a parsed answer lacks; types within themselves may be empty."""
    t = shape.type_name
    if shape.name in names or getattr(shape, 'is_document_type', False):
        return
    names += (shape.name,)
    if t == 'structure':
        for k, m in shape.members.items():
            inner = {m.name, m.member.name} if m.type_name == 'list' else {m.name}
            if k in v:
                yield from missing(m, v[k], path + (k,), names)
            elif not inner & set(names) and not getattr(shape, 'is_tagged_union', False):
                yield '.'.join(path + (k,))
    elif t in ('list', 'map') and not v:
        yield '.'.join(path) + '[]'
    elif t == 'list':
        yield from missing(shape.member, v[0], path, names)
    elif t == 'map':
        yield from missing(shape.value, next(iter(v.values())), path, names)


def check(client, op):
    """What is wrong with an operation, or None."""
    method = {v: k for k, v in client.meta.method_to_api_mapping.items()}.get(op)
    if not method:
        return 'not in this botocore'
    model = client.meta.service_model.operation_model(op)
    try:
        args = fill(model.input_shape) or {} if model.input_shape else {}
        answer = getattr(client, method)(**args)
    except Exception as e:  # whatever it is, it belongs into the list
        return f'{type(e).__name__} {str(e)[:200]}'
    if not model.output_shape or not hasattr(answer, 'keys'):
        return None
    lost = list(missing(model.output_shape, answer))
    return 'lacks ' + ' '.join(lost) if lost else None


def call(url, lines):
    called = wrong = 0
    for line in lines.splitlines():
        svc, *ops = line.split()
        client = boto3.client(CLIENTS.get(svc, svc), endpoint_url=url, region_name='eu-west-1', aws_access_key_id='a', aws_secret_access_key='b',
                              config=Config(retries={'total_max_attempts': 1}, parameter_validation=False))
        bad = [f'   {op}: {why}' for op in ops if (why := check(client, op))]
        print(f'{svc:24} {len(ops) - len(bad)} of {len(ops)}', *bad, sep='\n')
        called, wrong = called + len(ops), wrong + len(bad)
    print(f'{called - wrong} of {called} operations')
    return wrong > 0


def known(lines):
    session = boto3.session.Session()._session
    for line in lines:
        svc, path = line.split()
        op, *members = path.split('.')
        shape = session.get_service_model(CLIENTS.get(svc, svc)).operation_model(op).input_shape
        for member in members:
            while shape and shape.type_name in ('list', 'map'):
                shape = shape.member if shape.type_name == 'list' else shape.value
            shape = {k.lower(): m for k, m in shape.members.items()}.get(member.lower()) if shape else None
        if shape:
            print(line.strip())
    return 0


sys.exit(known(sys.stdin) if sys.argv[1] == 'known' else call(*sys.argv[2:]))
