"""What delivery calls and names is what terraform/ allows and makes."""

from __future__ import annotations

import re

from tests.delivery.conftest import NAME, PARAMETER, ROOT

DEPLOY = (ROOT / "delivery/deploy.py").read_text(encoding="utf-8")
POLICIES = (ROOT / "terraform/modules/github/policies.tf").read_text(encoding="utf-8")
SERVICE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "terraform/modules/service").glob("*.tf"))


def test_every_call_of_a_deployment_is_allowed_to_its_role_and_no_other():
    calls = re.findall(r'(?:boto3\.client\("(\w+)"\)|\b(ssm|ec2))\.([a-z_]+)\(', DEPLOY)
    asked = {f"{one or other}:{call.title().replace('_', '')}" for one, other, call in calls}
    deploy = POLICIES[POLICIES.index("deploy_policies") :]
    allowed = set(re.findall(r'"((?:ssm|ec2):\w+)"', deploy[: deploy.index("\n  }) }")]))

    assert len(asked) >= 8
    assert asked == allowed


def test_a_deployment_names_things_as_terraform_does():
    assert PARAMETER == "/house-prices/staging/image"
    assert '"/${var.name}/${var.environment}/image"' in SERVICE
    assert re.search(r'id\s+= "\$\{var\.name\}-\$\{var\.environment\}"', SERVICE)
    assert NAME == "house-prices-staging"
    for suffix in ("clients", "rollout"):
        assert f'"${{local.id}}-{suffix}"' in SERVICE
        assert f"-{suffix}" in DEPLOY


def test_the_script_of_the_instance_finds_its_settings():
    script = (ROOT / "terraform/modules/service/rollout.sh").read_text(encoding="utf-8")
    needed = {"NAME", "IMAGE_PARAMETER", "AWS_DEFAULT_REGION", "OPTIONS"}

    assert "${1:-/etc/rollout.env}" in script
    for name in needed:
        assert re.search(rf"^\s+{name}\s+= ", SERVICE, re.MULTILINE)
        assert f"${name}" in script or f"export {name}" in script
