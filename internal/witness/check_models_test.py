"""The checker has teeth: a good record passes, and every way to spoil it is found."""
import copy
import unittest

import check_models

GOOD = [
    {'service': 'ECS', 'op': 'CreateCluster', 'in': {'ClusterName': 'app', 'Settings': [{'Name': 'containerInsights', 'Value': 'enabled'}]},
     'out': {'Cluster': {'ClusterArn': 'arn:aws:ecs:us-east-1:123456789012:cluster/app', 'RunningTasksCount': 0}}},
    {'service': 'CloudWatch Logs', 'op': 'CreateLogGroup', 'in': {'LogGroupName': '/ecs/app', 'Tags': {'a': 'b'}}, 'err': 'ResourceAlreadyExistsException'},
    {'service': 'IAM', 'op': 'GetRole', 'in': {'RoleName': 'app'}, 'out': {'Role': {
        'RoleName': 'app', 'Path': '/', 'RoleId': 'AROA0123456789ABCDEF', 'Arn': 'arn:aws:iam::123456789012:role/app', 'CreateDate': {'$time': '2026-11-01T00:00:00Z'}}}},
    {'service': 'IAM', 'op': 'GetRole', 'in': {'RoleName': 'app'}, 'err': 'NoSuchEntity'},
    {'service': 'EC2', 'op': 'CreateVpc', 'in': {'CidrBlock': '10.0.0.0/16', 'TagSpecifications': [{'ResourceType': 'vpc', 'Tags': [{'Key': 'a', 'Value': 'ü'}]}]},
     'out': {'Vpc': {'VpcId': 'vpc-1', 'State': 'pending', 'IsDefault': False}}},
    {'service': 'Elastic Load Balancing v2', 'op': 'CreateTargetGroup', 'in': {'Name': 'app', 'Port': 8080, 'Protocol': 'HTTP'}, 'err': 'DuplicateTargetGroupName'},
    {'service': 'Secrets Manager', 'op': 'PutSecretValue', 'in': {'SecretId': 'app', 'SecretBinary': {'$blob': 'YWI='}, 'ClientRequestToken': 'a' * 32}, 'out': {}},
    {'service': 'ECR', 'op': 'ListImages', 'in': {'RepositoryName': 'app'}, 'out': {'ImageIds': []}},
    {'service': 'Route 53', 'op': 'ListHostedZonesByName', 'in': {'$zero': []}, 'out': {'HostedZones': [], 'MaxItems': '1', '$zero': ['IsTruncated']}},
    {'service': 'STS', 'op': 'GetCallerIdentity', 'in': {}, 'err': 'ExpiredToken'},
]

SPOILED = [  # (record, path, value; None takes it away), what must be said
    (0, 'in.Clustername2', 'app', 'in.Clustername2: the model has no such member'),
    (0, 'in.Settings', 'x', "in.settings: 'x' is no list"),
    (0, 'in.Settings.0.Name', 'insights', "in.settings[0].name: 'insights' is none of containerInsights"),
    (0, 'out.Cluster.RunningTasksCount', 'x', "out.cluster.runningTasksCount: 'x' is no integer"),
    (0, 'out.Cluster.RunningTasksCount', True, 'out.cluster.runningTasksCount: True is no integer'),
    (0, 'out.Cluster', [], 'out.cluster: [] is no structure'),
    (0, 'out.Lost', 1, 'out.Lost: the model has no such member'),
    (1, 'in.LogGroupName', None, 'in.logGroupName: is required'),
    (1, 'in.LogGroupName', 'a' * 513, 'in.logGroupName: 513 characters is not within 1 and 512'),
    (1, 'in.LogGroupName', 'a b', "in.logGroupName: 'a b' does not match"),
    (1, 'in.Tags', {}, 'in.tags: 0 entries is not within 1 and 50'),
    (1, 'in.Tags', {'ab': 1}, 'in.tags.ab: 1 is no string'),
    (1, 'in.Tags', {'a' * 129: ''}, 'is not within 1 and 128'),
    (1, 'err', 'EntityAlreadyExists', 'err: EntityAlreadyExists is none of'),
    (2, 'out.Role.RoleId', None, 'out.Role.RoleId: is required'),
    (2, 'out.Role.CreateDate', 'today', "out.Role.CreateDate: 'today' is no time"),
    (2, 'out.Role.RoleName', 'a/b', "out.Role.RoleName: 'a/b' does not match"),
    (3, 'err', 'NoSuchEntityFault', 'err: NoSuchEntityFault is none of'),
    (4, 'in.TagSpecifications.0.ResourceType', 'cloud', "in.TagSpecifications[0].ResourceType: 'cloud' is none of"),
    (4, 'out.Vpc.IsDefault', 'false', "out.Vpc.IsDefault: 'false' is no boolean"),
    (5, 'in.Port', 65536, 'in.Port: 65536 is not within 1 and 65535'),
    (6, 'in.SecretBinary', 'ab', "in.SecretBinary: 'ab' is no blob"),
    (6, 'in.ClientRequestToken', 'short', 'in.ClientRequestToken: 5 characters is not within 32 and 64'),
    (8, 'out.$zero', [], 'out.IsTruncated: is required'),
    (9, 'op', 'WhoAmI', 'operation: '),
    (9, 'service', 'Whoever', 'operation: '),
]


class Teeth(unittest.TestCase):
    models = check_models.Models()

    def test_good(self):
        for record in GOOD:
            self.assertEqual(check_models.check(self.models, record), [])

    def test_spoiled(self):
        for n, path, value, want in SPOILED:
            record = copy.deepcopy(GOOD[n])
            *way, name = path.split('.')
            at = record
            for step in way:
                at = at[int(step)] if isinstance(at, list) else at[step]
            if value is None:
                del at[name]
            else:
                at[name] = value
            said = check_models.check(self.models, record)
            self.assertTrue(any(want in s for s in said), f'{path} = {value!r}: want {want!r}, got {said}')
            self.assertEqual(len(said), 1, said)

    def test_every_pattern_is_understood(self):
        for service in check_models.SERVICES.values():
            for shape in self.models.loader.load_service_model(service, 'service-2')['shapes'].values():
                if 'pattern' in shape:
                    check_models.compiled(shape['pattern'])


if __name__ == '__main__':
    unittest.main()
