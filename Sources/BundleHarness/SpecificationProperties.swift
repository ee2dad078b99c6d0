// All properties of a Linux config.json in runtime-spec 1.3.0: the coverage table needs a case for each.

/// The property paths in the order of the specification. If a property has a fixed set of values with a case for
/// each, the value follows an equals sign.
package let specificationPropertyList: [String] = """
    ociVersion
    root.path root.readonly
    mounts.destination mounts.source mounts.type mounts.options mounts.uidMappings mounts.gidMappings
    process.terminal process.consoleSize.height process.consoleSize.width process.cwd process.env process.args
    process.user.uid process.user.gid process.user.umask process.user.additionalGids
    process.rlimits.type process.rlimits.soft process.rlimits.hard
    process.apparmorProfile process.selinuxLabel process.noNewPrivileges process.oomScoreAdj
    process.capabilities.bounding process.capabilities.permitted process.capabilities.effective
    process.capabilities.inheritable process.capabilities.ambient
    process.scheduler.policy process.scheduler.nice process.scheduler.priority process.scheduler.flags
    process.scheduler.runtime process.scheduler.deadline process.scheduler.period
    process.ioPriority.class process.ioPriority.priority
    process.execCPUAffinity.initial process.execCPUAffinity.final
    hostname domainname
    hooks.prestart hooks.createRuntime hooks.createContainer hooks.startContainer hooks.poststart hooks.poststop
    hooks.*.path hooks.*.args hooks.*.env hooks.*.timeout
    annotations
    linux.namespaces.type=pid linux.namespaces.type=network linux.namespaces.type=mount linux.namespaces.type=ipc
    linux.namespaces.type=uts linux.namespaces.type=user linux.namespaces.type=cgroup linux.namespaces.type=time
    linux.namespaces.path
    linux.uidMappings.containerID linux.uidMappings.hostID linux.uidMappings.size
    linux.gidMappings.containerID linux.gidMappings.hostID linux.gidMappings.size
    linux.timeOffsets.monotonic linux.timeOffsets.boottime
    linux.timeOffsets.*.secs linux.timeOffsets.*.nanosecs
    linux.devices.type linux.devices.path linux.devices.major linux.devices.minor linux.devices.fileMode
    linux.devices.uid linux.devices.gid
    linux.netDevices linux.netDevices.*.name
    linux.cgroupsPath
    linux.resources.devices.allow linux.resources.devices.type linux.resources.devices.major
    linux.resources.devices.minor linux.resources.devices.access
    linux.resources.memory.limit linux.resources.memory.reservation linux.resources.memory.swap
    linux.resources.memory.kernel linux.resources.memory.kernelTCP linux.resources.memory.swappiness
    linux.resources.memory.disableOOMKiller linux.resources.memory.useHierarchy
    linux.resources.memory.checkBeforeUpdate
    linux.resources.cpu.shares linux.resources.cpu.quota linux.resources.cpu.burst linux.resources.cpu.period
    linux.resources.cpu.realtimeRuntime linux.resources.cpu.realtimePeriod linux.resources.cpu.cpus
    linux.resources.cpu.mems linux.resources.cpu.idle
    linux.resources.blockIO.weight linux.resources.blockIO.leafWeight
    linux.resources.blockIO.weightDevice.major linux.resources.blockIO.weightDevice.minor
    linux.resources.blockIO.weightDevice.weight linux.resources.blockIO.weightDevice.leafWeight
    linux.resources.blockIO.throttleReadBpsDevice linux.resources.blockIO.throttleWriteBpsDevice
    linux.resources.blockIO.throttleReadIOPSDevice linux.resources.blockIO.throttleWriteIOPSDevice
    linux.resources.blockIO.throttle*.major linux.resources.blockIO.throttle*.minor
    linux.resources.blockIO.throttle*.rate
    linux.resources.hugepageLimits.pageSize linux.resources.hugepageLimits.limit
    linux.resources.network.classID linux.resources.network.priorities.name
    linux.resources.network.priorities.priority
    linux.resources.pids.limit
    linux.resources.rdma.*.hcaHandles linux.resources.rdma.*.hcaObjects
    linux.resources.unified
    linux.intelRdt.closID linux.intelRdt.schemata linux.intelRdt.l3CacheSchema linux.intelRdt.memBwSchema
    linux.intelRdt.enableMonitoring
    linux.memoryPolicy.mode linux.memoryPolicy.nodes linux.memoryPolicy.flags
    linux.sysctl
    linux.seccomp.defaultAction linux.seccomp.defaultErrnoRet linux.seccomp.architectures linux.seccomp.flags
    linux.seccomp.listenerPath linux.seccomp.listenerMetadata
    linux.seccomp.syscalls.names linux.seccomp.syscalls.action linux.seccomp.syscalls.errnoRet
    linux.seccomp.syscalls.args.index linux.seccomp.syscalls.args.value linux.seccomp.syscalls.args.valueTwo
    linux.seccomp.syscalls.args.op
    linux.rootfsPropagation linux.maskedPaths linux.readonlyPaths linux.mountLabel
    linux.personality.domain linux.personality.flags
    """.split(whereSeparator: \.isWhitespace).map(String.init)

let specificationProperties = Set(specificationPropertyList)
