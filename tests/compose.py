#!/usr/bin/env python3
"""Checks docker-compose.yml without Docker: all that it names exists. Prints the proxies' environment, NAME=value a line.

The values are those of a checkout without .env: what .env.example says is compared with the defaults.
"""
import os
import re
import sys

import yaml

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
complaints = []
variables = {}


def check(fine, complaint):
    if not fine:
        complaints.append(complaint)


def substitute(match):
    if match.group(0) == "$$":
        return "$"
    name, default = match.group("name"), match.group("default")
    check(default is not None, f"${{{name}}} has no default")
    check(variables.setdefault(name, default) == default, f"${{{name}}} has two defaults")
    return default or ""


with open("docker-compose.yml", encoding="utf-8") as file:
    text = re.sub(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}", substitute, file.read())
stack = yaml.safe_load(text)
services = stack["services"]

with open(".env.example", encoding="utf-8") as file:
    example = dict(line.strip().split("=", 1) for line in file if re.match(r"\w+=", line))
check(example == variables, f".env.example says {example}; docker-compose.yml says {variables}")

# Options are not checked by name when the API starts, as the proxy's are.
with open("src/Items.Api/ItemsOptions.cs", encoding="utf-8") as file:
    items_options = set(re.findall(r"public \S+(?: \S+)? (\w+) \{ get;", file.read()))

addresses = {}
for name, service in services.items():
    at = f"services.{name}"
    if "build" in service:
        context, dockerfile = service["build"]["context"], service["build"]["dockerfile"]
        check(os.path.isfile(os.path.join(context, dockerfile)), f"{at}: no {dockerfile} in {context}")
    else:
        check(":" in service.get("image", ""), f"{at}: neither built nor an image with a tag")
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        known = os.path.exists(source) if source.startswith(".") else source in (stack.get("volumes") or {})
        check(known, f"{at}: nothing to mount at {source}")
    networks = service.get("networks", ["default"])
    for network in networks:
        check(network in stack["networks"], f"{at}: no network {network}")
    if isinstance(networks, dict) and networks.get("edge"):
        addresses[name] = networks["edge"]["ipv4_address"]
    for dependency, condition in service.get("depends_on", {}).items():
        check(dependency in services, f"{at}: depends on {dependency}, which is not there")
        waits = condition["condition"] == "service_healthy"
        check(not waits or "healthcheck" in services.get(dependency, {}), f"{at}: waits for the health of {dependency}, which has no check")
    for variable in service.get("environment", {}):
        if variable.startswith("Items__"):
            check(variable.split("__")[1] in items_options, f"{at}: {variable} is not an option of Items.Api")

check(len(set(addresses.values())) == len(addresses), f"addresses are given twice: {addresses}")
for name, address in services["nginx"]["extra_hosts"].items():
    check(addresses.get(name) == address, f"nginx finds {name} at {address}; it has {addresses.get(name)}")
with open("nginx/nginx.conf", encoding="utf-8") as file:
    configuration = file.read()
    upstreams = set(re.findall(r"^\s*server ([\w-]+):8080\b", configuration, re.MULTILINE))
    check(upstreams == set(services["nginx"]["extra_hosts"]), f"nginx.conf names {upstreams}")
    published = services["nginx"]["ports"][0].split(":")[-1]
    check(f"listen {published};" in configuration, f"nginx does not listen on {published}")
check(services["proxy-1"]["environment"] == services["proxy-2"]["environment"], "the proxies differ")

for complaint in complaints:
    print(complaint, file=sys.stderr)
for name, value in services["proxy-1"]["environment"].items():
    print(f"{name}={value}")
sys.exit(bool(complaints))
