"""Writes names.go from AWS's published service models (botocore's): for the operations of testdata/operations.txt the
wire names that no rule of layout.go gives, and the HTTP statuses of all error codes that are not 400.

Names that the Go SDK's models have and this botocore's have not yet come from YOUNGER. Run by go generate."""
import botocore.session

CLIENTS = {'elasticloadbalancing': 'elbv2', 'tagging': 'resourcegroupstaggingapi', 'monitoring': 'cloudwatch'}
LOWER = {'ecs', 'ecr', 'logs'}
YOUNGER = {'ec2': {'VpcEndpoint.PayerResponsibilities': 'payerResponsibilitySet'}}

up = lambda n: n[:1].upper() + n[1:]
low = lambda n: n[:1].lower() + n[1:]
trim = lambda n: n[:-1] if n.endswith('s') else n


def operations():
    """The operations by signing name."""
    ops = {}
    for line in open('testdata/operations.txt'):
        words = line.split('#')[0].split()
        if words:
            ops.setdefault(words[0], []).extend(words[1:])
    return ops


def names(svc, model, op):
    """Yields key and wire name of the members that follow no rule, from an operation's input, output and errors down."""
    proto, seen = model.metadata['protocol'], set()
    todo = [(e, up(e.name), 'out') for e in op.error_shapes]
    if op.input_shape:
        todo.append((op.input_shape, op.name + 'Input', 'in'))
    if op.output_shape:
        todo.append((op.output_shape, op.name + 'Output', 'out'))
    while todo:
        shape, name, way = todo.pop()
        if shape.type_name == 'list':
            if proto == 'query' and shape.member.serialization.get('name', 'member') != 'member':
                raise SystemExit(f'{svc} {shape.name}: elements are not called member')
            todo.append((shape.member, up(shape.member.name), way))
        elif shape.type_name == 'map':
            todo.append((shape.value, up(shape.value.name), way))
        elif shape.type_name == 'structure' and (shape.name, way) not in seen:
            seen.add((shape.name, way))
            for member, ms in shape.members.items():
                if shape.metadata.get('exception') and low(member) == 'message':
                    continue  # every protocol has its own place for it
                todo.append((ms, up(ms.name), way))
                yield from irregular(svc, proto, name, way, member, ms)


def irregular(svc, proto, name, way, member, ms):
    """Yields a member's key and wire name if it follows no rule."""
    go, wire, is_list = up(member), ms.serialization.get('name', member), ms.type_name == 'list'
    if proto == 'ec2' and way == 'in':
        wire = ms.serialization.get('queryName') or up(wire)
        if wire not in ([go, trim(go)] if is_list else [go]):
            yield f'in:{name}.{go}', wire
        return
    if ms.serialization.get('location'):
        return
    rule = low(go) if svc in LOWER else go
    if proto == 'ec2':
        rule = low(trim(go) + 'Set' if is_list and not go.endswith('Set') else go)
    if wire != rule:
        yield f'{name}.{go}', wire
    if proto == 'rest-xml' and is_list:
        item = ms.member.serialization.get('name', 'member')
        if item != up(ms.member.name):
            yield f'{name}.{go}[]', item
    if proto == 'ec2' and is_list and ms.member.serialization.get('name', 'member') != 'item':
        yield f'{name}.{go}[]', ms.member.serialization.get('name', 'member')


def statuses(model):
    """Error code → HTTP status, where not 400."""
    found = {}
    for shape in model.shape_names:
        s = model.shape_for(shape)
        if s.type_name == 'structure' and s.metadata.get('exception'):
            error = s.metadata.get('error', {})
            status = error.get('httpStatusCode', 500 if s._shape_model.get('fault') else 400)
            if status != 400:
                found[error.get('code', s.name)] = status
    return found


def shapes(model):
    """Error code → name of the error's shape, where they differ: trees name the shape, query's XML the code."""
    found = {}
    for shape in model.shape_names:
        s = model.shape_for(shape)
        if s.type_name == 'structure' and s.metadata.get('exception'):
            code = s.metadata.get('error', {}).get('code', s.name)
            if code not in model.shape_names:
                found[code] = s.name
    return found


def go_map(name, kind, entries, quote):
    lines = ''.join(f'\t"{k}": {quote(v)},\n' for k, v in sorted(entries.items()))
    return f'var {name} = map[string]{kind}{{' + (f'\n{lines}' if lines else '') + '}\n'


def main():
    session, out = botocore.session.get_session(), []
    ops = operations()
    for svc, wanted in ops.items():
        model = session.get_service_model(CLIENTS.get(svc, svc))
        found = dict(YOUNGER.get(svc, {}))
        for op in wanted:
            if op not in model.operation_names:
                print(f'{svc} {op}: not in this botocore, names by rule only')
                continue
            found.update(names(svc, model, model.operation_model(op)))
        go = svc.replace('-', '')
        out.append(go_map(go + 'Names', 'string', found, lambda v: f'"{v}"'))
        out.append(go_map(go + 'Statuses', 'int', statuses(model), str))
        if 'awsQueryCompatible' in model.metadata:
            out.append(go_map(go + 'Shapes', 'string', shapes(model), lambda v: f'"{v}"'))
    checked = {svc: ' '.join(wanted) for svc, wanted in ops.items()}
    out.append('// checked are the operations by signing name whose names are known to be right.\n'
               + go_map('checked', 'string', checked, lambda v: f'"{v}"'))
    with open('names.go', 'w') as f:
        f.write('// Code generated by gen_names.py. DO NOT EDIT.\n\npackage wire\n\n' + '\n'.join(out))


main()
