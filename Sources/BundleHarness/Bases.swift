// The configurations that cases start from. The default is the configuration of `spec`, without a terminal.

/// The allowed values of `base`.
let baseNames = ["default", "minimal", "engine"]

/// The configuration with a name; nil if there is none.
func baseConfiguration(_ name: String) throws(CaseError) -> JSONValue? {
    switch name {
    case "default": try JSONValue(caseText: defaultBase)
    case "minimal": try JSONValue(caseText: minimalBase)
    case "engine": try Overlay(JSONValue(caseText: engineChanges)).applied(to: JSONValue(caseText: defaultBase))
    default: nil
    }
}

/// The smallest configuration of a container: its own mount and pid namespaces.
private let minimalBase = """
    {
      "ociVersion": "1.0.2",
      "process": {
        "user": { "uid": 0, "gid": 0 },
        "args": ["/witness"],
        "cwd": "/"
      },
      "root": { "path": "rootfs" },
      "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
      "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] }
    }
    """

/// The configuration that the runtimes' `spec` command writes, with the witness instead of a shell on a terminal.
private let defaultBase = """
    {
      "ociVersion": "1.0.2",
      "process": {
        "terminal": false,
        "user": { "uid": 0, "gid": 0 },
        "args": ["/witness"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {
          "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
          "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
          "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        },
        "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
        "noNewPrivileges": true
      },
      "root": { "path": "rootfs", "readonly": true },
      "hostname": "box",
      "mounts": [
        { "destination": "/proc", "type": "proc", "source": "proc" },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
          "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
        { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
          "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
        { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
          "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
        { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
          "options": ["nosuid", "noexec", "nodev"] },
        { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] },
        { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
          "options": ["nosuid", "noexec", "nodev", "relatime", "ro"] }
      ],
      "linux": {
        "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
        "namespaces": [
          { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }
        ],
        "maskedPaths": [
          "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"
        ],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
      }
    }
    """

/// The changes that container engines make by default: more capabilities, the usual devices, a seccomp filter.
private let engineChanges = """
    {
      "process": {
        "noNewPrivileges": false,
        "oomScoreAdj": 0,
        "rlimits": null,
        "capabilities": {
          "bounding": \(engineCapabilities),
          "effective": \(engineCapabilities),
          "permitted": \(engineCapabilities)
        }
      },
      "root": { "readonly": false },
      "linux": {
        "resources": {
          "devices": { "$append": [
            { "allow": true, "type": "c", "major": 1, "minor": 5, "access": "rwm" },
            { "allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm" },
            { "allow": true, "type": "c", "major": 1, "minor": 9, "access": "rwm" },
            { "allow": true, "type": "c", "major": 1, "minor": 8, "access": "rwm" },
            { "allow": true, "type": "c", "major": 5, "minor": 0, "access": "rwm" },
            { "allow": true, "type": "c", "major": 5, "minor": 1, "access": "rwm" },
            { "allow": false, "type": "c", "major": 10, "minor": 229, "access": "rwm" }
          ] }
        },
        "maskedPaths": { "$append": ["/sys/devices/virtual/powercap"] },
        "seccomp": {
          "defaultAction": "SCMP_ACT_ALLOW",
          "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
          "syscalls": [
            { "names": [
                "acct", "add_key", "bpf", "clock_settime", "create_module", "delete_module", "finit_module",
                "get_kernel_syms", "init_module", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
                "lookup_dcookie", "mbind", "move_pages", "nfsservctl", "perf_event_open", "pivot_root",
                "query_module", "quotactl", "reboot", "request_key", "settimeofday", "stime", "swapon", "swapoff",
                "sysfs", "uselib", "userfaultfd", "ustat", "vm86", "vm86old"
              ], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 }
          ]
        }
      }
    }
    """

private let engineCapabilities = """
    ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", \
    "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]
    """
