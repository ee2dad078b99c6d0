// The value of `config/every-property.json`, in which every property is set and every string is its own path.

@testable import OCISpec

extension Spec {
    static let everything = Spec(
        ociVersion: "ociVersion", process: .everything, root: Root(path: "root.path", readonly: true),
        hostname: "hostname", domainname: "domainname",
        mounts: [
            Mount(
                destination: "mounts[0].destination", type: "mounts[0].type", source: "mounts[0].source",
                options: ["mounts[0].options[0]", "mounts[0].options[1]"],
                uidMappings: [LinuxIDMapping(containerID: 117, hostID: 118, size: 119)],
                gidMappings: [LinuxIDMapping(containerID: 120, hostID: 121, size: 122)])
        ], hooks: .everything, annotations: ["first": "annotations.first", "second.key": "annotations.second.key"],
        linux: .everything)
}

extension Process {
    static let everything = Process(
        terminal: true, consoleSize: Box(height: 101, width: 102),
        user: User(uid: 103, gid: 104, umask: 105, additionalGids: [106, 107]),
        args: ["process.args[0]", "process.args[1]"], env: ["process.env[0]", "process.env[1]"], cwd: "process.cwd",
        capabilities: LinuxCapabilities(
            bounding: ["process.capabilities.bounding[0]", "process.capabilities.bounding[1]"],
            effective: ["process.capabilities.effective[0]", "process.capabilities.effective[1]"],
            inheritable: ["process.capabilities.inheritable[0]", "process.capabilities.inheritable[1]"],
            permitted: ["process.capabilities.permitted[0]", "process.capabilities.permitted[1]"],
            ambient: ["process.capabilities.ambient[0]", "process.capabilities.ambient[1]"]),
        rlimits: [POSIXRlimit(type: "process.rlimits[0].type", hard: 108, soft: 109)], noNewPrivileges: true,
        apparmorProfile: "process.apparmorProfile", oomScoreAdj: 110,
        scheduler: Scheduler(
            policy: "process.scheduler.policy", nice: 111, priority: 112,
            flags: ["process.scheduler.flags[0]", "process.scheduler.flags[1]"], runtime: 113, deadline: 114,
            period: 115), selinuxLabel: "process.selinuxLabel",
        ioPriority: LinuxIOPriority(class: "process.ioPriority.class", priority: 116),
        execCPUAffinity: CPUAffinity(initial: "process.execCPUAffinity.initial", final: "process.execCPUAffinity.final")
    )
}

extension Hooks {
    static let everything = Hooks(
        prestart: [
            Hook(
                path: "hooks.prestart[0].path", args: ["hooks.prestart[0].args[0]", "hooks.prestart[0].args[1]"],
                env: ["hooks.prestart[0].env[0]", "hooks.prestart[0].env[1]"], timeout: 123)
        ],
        createRuntime: [
            Hook(
                path: "hooks.createRuntime[0].path",
                args: ["hooks.createRuntime[0].args[0]", "hooks.createRuntime[0].args[1]"],
                env: ["hooks.createRuntime[0].env[0]", "hooks.createRuntime[0].env[1]"], timeout: 124)
        ],
        createContainer: [
            Hook(
                path: "hooks.createContainer[0].path",
                args: ["hooks.createContainer[0].args[0]", "hooks.createContainer[0].args[1]"],
                env: ["hooks.createContainer[0].env[0]", "hooks.createContainer[0].env[1]"], timeout: 125)
        ],
        startContainer: [
            Hook(
                path: "hooks.startContainer[0].path",
                args: ["hooks.startContainer[0].args[0]", "hooks.startContainer[0].args[1]"],
                env: ["hooks.startContainer[0].env[0]", "hooks.startContainer[0].env[1]"], timeout: 126)
        ],
        poststart: [
            Hook(
                path: "hooks.poststart[0].path", args: ["hooks.poststart[0].args[0]", "hooks.poststart[0].args[1]"],
                env: ["hooks.poststart[0].env[0]", "hooks.poststart[0].env[1]"], timeout: 127)
        ],
        poststop: [
            Hook(
                path: "hooks.poststop[0].path", args: ["hooks.poststop[0].args[0]", "hooks.poststop[0].args[1]"],
                env: ["hooks.poststop[0].env[0]", "hooks.poststop[0].env[1]"], timeout: 128)
        ])
}

extension Linux {
    static let everything = Linux(
        uidMappings: [LinuxIDMapping(containerID: 129, hostID: 130, size: 131)],
        gidMappings: [LinuxIDMapping(containerID: 132, hostID: 133, size: 134)],
        sysctl: ["first": "linux.sysctl.first", "second.key": "linux.sysctl.second.key"], resources: .everything,
        cgroupsPath: "linux.cgroupsPath",
        namespaces: [LinuxNamespace(type: "linux.namespaces[0].type", path: "linux.namespaces[0].path")],
        devices: [
            LinuxDevice(
                path: "linux.devices[0].path", type: "linux.devices[0].type", major: 176, minor: 177, fileMode: 178,
                uid: 179, gid: 180)
        ],
        netDevices: [
            "first": LinuxNetDevice(name: "linux.netDevices.first.name"),
            "second.key": LinuxNetDevice(name: "linux.netDevices.second.key.name"),
        ], seccomp: .everything, rootfsPropagation: "linux.rootfsPropagation",
        maskedPaths: ["linux.maskedPaths[0]", "linux.maskedPaths[1]"],
        readonlyPaths: ["linux.readonlyPaths[0]", "linux.readonlyPaths[1]"], mountLabel: "linux.mountLabel",
        intelRdt: LinuxIntelRdt(
            closID: "linux.intelRdt.closID", schemata: ["linux.intelRdt.schemata[0]", "linux.intelRdt.schemata[1]"],
            l3CacheSchema: "linux.intelRdt.l3CacheSchema", memBwSchema: "linux.intelRdt.memBwSchema",
            enableMonitoring: true),
        memoryPolicy: LinuxMemoryPolicy(
            mode: "linux.memoryPolicy.mode", nodes: "linux.memoryPolicy.nodes",
            flags: ["linux.memoryPolicy.flags[0]", "linux.memoryPolicy.flags[1]"]),
        personality: LinuxPersonality(
            domain: "linux.personality.domain", flags: ["linux.personality.flags[0]", "linux.personality.flags[1]"]),
        timeOffsets: [
            "first": LinuxTimeOffset(secs: 186, nanosecs: 187), "second.key": LinuxTimeOffset(secs: 188, nanosecs: 189),
        ])
}

extension LinuxResources {
    static let everything = LinuxResources(
        devices: [
            LinuxDeviceCgroup(
                allow: true, type: "linux.resources.devices[0].type", major: 135, minor: 136,
                access: "linux.resources.devices[0].access")
        ],
        memory: LinuxMemory(
            limit: 137, reservation: 138, swap: 139, kernel: 140, kernelTCP: 141, swappiness: 142,
            disableOOMKiller: true, useHierarchy: true, checkBeforeUpdate: true),
        cpu: LinuxCPU(
            shares: 143, quota: 144, burst: 145, period: 146, realtimeRuntime: 147, realtimePeriod: 148,
            cpus: "linux.resources.cpu.cpus", mems: "linux.resources.cpu.mems", idle: 149), pids: LinuxPids(limit: 150),
        blockIO: LinuxBlockIO(
            weight: 151, leafWeight: 152,
            weightDevice: [LinuxWeightDevice(major: 153, minor: 154, weight: 155, leafWeight: 156)],
            throttleReadBpsDevice: [LinuxThrottleDevice(major: 157, minor: 158, rate: 159)],
            throttleWriteBpsDevice: [LinuxThrottleDevice(major: 160, minor: 161, rate: 162)],
            throttleReadIOPSDevice: [LinuxThrottleDevice(major: 163, minor: 164, rate: 165)],
            throttleWriteIOPSDevice: [LinuxThrottleDevice(major: 166, minor: 167, rate: 168)]),
        hugepageLimits: [LinuxHugepageLimit(pageSize: "linux.resources.hugepageLimits[0].pageSize", limit: 169)],
        network: LinuxNetwork(
            classID: 170,
            priorities: [LinuxInterfacePriority(name: "linux.resources.network.priorities[0].name", priority: 171)]),
        rdma: [
            "first": LinuxRdma(hcaHandles: 172, hcaObjects: 173),
            "second.key": LinuxRdma(hcaHandles: 174, hcaObjects: 175),
        ], unified: ["first": "linux.resources.unified.first", "second.key": "linux.resources.unified.second.key"])
}

extension LinuxSeccomp {
    static let everything = LinuxSeccomp(
        defaultAction: "linux.seccomp.defaultAction", defaultErrnoRet: 181,
        architectures: ["linux.seccomp.architectures[0]", "linux.seccomp.architectures[1]"],
        flags: ["linux.seccomp.flags[0]", "linux.seccomp.flags[1]"], listenerPath: "linux.seccomp.listenerPath",
        listenerMetadata: "linux.seccomp.listenerMetadata",
        syscalls: [
            LinuxSyscall(
                names: ["linux.seccomp.syscalls[0].names[0]", "linux.seccomp.syscalls[0].names[1]"],
                action: "linux.seccomp.syscalls[0].action", errnoRet: 182,
                args: [
                    LinuxSeccompArg(index: 183, value: 184, valueTwo: 185, op: "linux.seccomp.syscalls[0].args[0].op")
                ])
        ])
}
