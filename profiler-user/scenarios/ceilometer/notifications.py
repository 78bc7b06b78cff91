"""Notifications as Nova sends them of its instances, one after the other, without end."""

import itertools

# Both have the meters memory, vcpus, disk.root.size and disk.ephemeral.size; the first is what Nova sends of each instance each hour.
EVENT_TYPES = ["compute.instance.exists", "compute.instance.exists", "compute.instance.power_on.end"]
INSTANCES = 500


def context(number):
    """Who did it, as Nova's requests say."""
    return {
        "auth_token": None,
        "domain": None,
        "is_admin": True,
        "project_name": "shop",
        "read_deleted": "no",
        "remote_address": "10.0.0.7",
        "request_id": "req-%08x-31c5-4b5f-9e7d-1b0f4a9f3c11" % number,
        "resource_uuid": None,
        "roles": ["member", "admin"],
        "service_catalog": [],
        "show_deleted": False,
        "tenant": "6f1a0a7c2d8e4b0f9c3d5e7f00000001",
        "timestamp": "2018-10-01T12:00:00.000000",
        "user": "6f1a0a7c2d8e4b0f9c3d5e7f00000002",
        "user_name": "nova",
    }


def payload(number):
    """An instance, as Nova describes it."""
    return {
        "access_ip_v4": None,
        "access_ip_v6": None,
        "architecture": "x86_64",
        "audit_period_beginning": "2018-10-01T11:00:00.000000",
        "audit_period_ending": "2018-10-01T12:00:00.000000",
        "availability_zone": "nova",
        "bandwidth": {"private": {"bw_in": 1048576 + number, "bw_out": 524288 + number}},
        "cell_name": "",
        "created_at": "2018-09-01 08:00:00+00:00",
        "deleted_at": "",
        "disk_gb": 20,
        "display_name": "shop-%d" % number,
        "ephemeral_gb": 0,
        "host": "node-%d" % (number % 20),
        "hostname": "shop-%d" % number,
        "image_meta": {
            "base_image_ref": "5a1f2e1c-7f43-4d0e-8b66-1a2b3c4d5e6f",
            "container_format": "bare",
            "disk_format": "qcow2",
            "min_disk": "20",
            "min_ram": "0",
        },
        "image_ref_url": "http://10.0.0.2:9292/images/5a1f2e1c-7f43-4d0e-8b66-1a2b3c4d5e6f",
        "instance_flavor_id": "2",
        "instance_id": "1b4e28ba-2fa1-4d2e-883f-%012x" % number,
        "instance_type": "m1.small",
        "instance_type_id": 5,
        "kernel_id": "",
        "launched_at": "2018-09-01T08:00:31.000000",
        "memory_mb": 2048,
        "metadata": {"metering.stack": "shop"},
        "node": "node-%d.example.org" % (number % 20),
        "os_type": "linux",
        "progress": "",
        "ramdisk_id": "",
        "reservation_id": "r-%08x" % number,
        "root_gb": 20,
        "state": "active",
        "state_description": "",
        "tenant_id": "6f1a0a7c2d8e4b0f9c3d5e7f00000001",
        "terminated_at": "",
        "user_id": "6f1a0a7c2d8e4b0f9c3d5e7f00000003",
        "vcpus": 1,
    }


def forever():
    """Context, event type and payload of each."""
    for number in itertools.count():
        yield context(number), EVENT_TYPES[number % len(EVENT_TYPES)], payload(number % INSTANCES)
