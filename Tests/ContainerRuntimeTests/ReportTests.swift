// The child's numeric reports, and the messages made from them.

import Kernel
import OCISpec
import Planning
import Testing

@testable import ContainerRuntime

struct StepReportTests {
    @Test(arguments: [
        StepReport(step: .pivot, code: .invalidArgument),
        StepReport(
            step: .mount, index: 70_000, action: .superblock, code: .noSpace, text: "tmpfs: Unknown parameter 'sise'"),
        StepReport(step: .execute, code: Errno(rawValue: 133), text: "é\n\""),
        StepReport(step: .enterCgroup, index: 0xff_ffff, action: .notExecutable, code: Errno(rawValue: 0xffff)),
    ])
    func `a report comes back as it was sent`(report: StepReport) {
        #expect(StepReport(packet: report.packet) == report)
    }

    @Test func `a report fits into a packet`() throws {
        let report = StepReport(step: .hook, code: .canceled, text: String(repeating: "x", count: 100_000))
        #expect(report.packet.count == 3008)
        #expect(StepReport(packet: report.packet)?.text.count == 3000)
    }

    @Test(arguments: [
        [], [7], [7, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0], [7, 0, 0, 0, 0, 0, 0, 0], [7, 1, 255, 0, 0, 0, 0, 0],
    ])
    func `an invalid packet is not a report`(packet: [UInt8]) { #expect(StepReport(packet: packet) == nil) }
}

struct SentenceTests {
    private func text(_ report: StepReport) throws -> String {
        try FailureMessages(plan: .sample()).failure(report).message
    }

    @Test(arguments: [
        (
            StepReport(step: .enterCgroup, index: 2, code: .permissionDenied),
            "enter the container's cgroup (hierarchy 2): permission denied"
        ),
        (StepReport(step: .mapIDs, code: .notPermitted), "become root of the user namespace: operation not permitted"),
        (
            StepReport(step: .joinNamespace, index: 0, code: .invalidArgument),
            "linux.namespaces[4].path: join network namespace /run/netns/a: invalid argument"
        ),
        (StepReport(step: .cgroupNamespace, code: .notPermitted), "make a cgroup namespace: operation not permitted"),
        (StepReport(step: .mountNamespace, code: .noSpace), "make a mount namespace: no space left on device"),
        (StepReport(step: .timeNamespace, code: .notPermitted), "make a time namespace: operation not permitted"),
        (StepReport(step: .session, code: .notPermitted), "begin a new session: operation not permitted"),
        (
            StepReport(step: .keyring, code: .notPermitted),
            "make a session keyring (--no-new-keyring goes without): operation not permitted"
        ),
        (StepReport(step: .loopback, code: .notPermitted), "bring up the loopback interface: operation not permitted"),
        (
            StepReport(step: .propagation, code: .invalidArgument),
            "linux.rootfsPropagation: change the propagation of /: invalid argument"
        ),
        (
            StepReport(step: .rootfs, code: .noSuchFileOrDirectory),
            "root.path: open rootfs /bundle/rootfs: no such file or directory"
        ),
        (StepReport(step: .deviceLink, index: 5, code: .readOnlyFileSystem), "link /dev/ptmx: read-only file system"),
        (StepReport(step: .pivot, code: .invalidArgument), "pivot_root into /bundle/rootfs: invalid argument"),
        (
            StepReport(step: .workingDirectory, code: .readOnlyFileSystem),
            "process.cwd: make /work: read-only file system"
        ),
        (
            StepReport(step: .terminal, code: .noSuchFileOrDirectory),
            "process.terminal: make a terminal in the container's /dev/pts: no such file or directory"
        ),
        (
            StepReport(step: .console, code: .notPermitted),
            "process.terminal: bind the terminal on /dev/console: operation not permitted"
        ),
        (
            StepReport(step: .standardStreams, code: .badFileDescriptor),
            "hand over stdin, stdout and stderr: bad file descriptor"
        ),
        (
            StepReport(step: .readOnlyRoot, code: .resourceBusy),
            "root.readonly: make the rootfs read-only: device or resource busy"
        ),
        (
            StepReport(step: .readOnlyMount, index: 2, code: .resourceBusy),
            "make /dev read-only: device or resource busy"
        ),
        (StepReport(step: .hostname, code: .notPermitted), "hostname: set \"web\": operation not permitted"),
        (StepReport(step: .domainname, code: .notPermitted), "domainname: set \"domain\": operation not permitted"),
        (
            StepReport(step: .sysctl, code: .noSuchFileOrDirectory),
            "linux.sysctl.net.ipv4.ip_forward: write \"1\": no such file or directory"
        ),
        (
            StepReport(step: .readonlyPath, index: 0, code: .notPermitted),
            "linux.readonlyPaths[0]: make /proc/sys read-only: operation not permitted"
        ),
        (
            StepReport(step: .maskedPath, index: 1, code: .notPermitted),
            "linux.maskedPaths[2]: mask /proc/keys: operation not permitted"
        ),
        (
            StepReport(step: .maskedPath, action: .nullDevice, code: .noSuchDevice),
            "linux.maskedPaths: /dev/null of the container is not the null device (1:3): no such device"
        ),
        (
            StepReport(step: .label, index: 0, code: .noSuchFileOrDirectory),
            "process.apparmorProfile: use profile \"profile\": no such file or directory"
                + " (no profile of this name is loaded; apparmor_parser loads one)"
        ),
        (
            StepReport(step: .label, index: 1, code: .invalidArgument),
            "process.selinuxLabel: use label \"label\": invalid argument"
        ),
        (
            StepReport(step: .scheduling, index: 0, code: .notPermitted),
            "process.scheduler: set: operation not permitted"
        ),
        (
            StepReport(step: .scheduling, index: 1, code: .notPermitted),
            "process.ioPriority: set: operation not permitted"
        ),
        (
            StepReport(step: .scheduling, index: 2, code: .notPermitted),
            "linux.personality: set: operation not permitted"
        ),
        (StepReport(step: .scheduling, index: 3, code: .invalidArgument), "linux.memoryPolicy: set: invalid argument"),
        (StepReport(step: .noNewPrivileges, code: .invalidArgument), "process.noNewPrivileges: set: invalid argument"),
        (StepReport(step: .seccomp, code: .invalidArgument), "linux.seccomp: install the filter: invalid argument"),
        (StepReport(step: .descriptors, code: .badFileDescriptor), "close descriptors: bad file descriptor"),
        (
            StepReport(step: .boundingSet, code: .notPermitted),
            "process.capabilities.bounding: limit the bounding set: operation not permitted"
        ),
        (
            StepReport(step: .groups, code: .notPermitted),
            "process.user.additionalGids: set groups: operation not permitted"
        ),
        (StepReport(step: .group, code: .invalidArgument), "process.user.gid: become group 20: invalid argument"),
        (StepReport(step: .user, code: .invalidArgument), "process.user.uid: become user 10: invalid argument"),
        (StepReport(step: .changeDirectory, code: .permissionDenied), "process.cwd: chdir to /work: permission denied"),
        (
            StepReport(step: .escapedDirectory, code: .permissionDenied),
            "process.cwd: current working directory is outside of container mount namespace root"
        ),
        (StepReport(step: .capabilities, code: .notPermitted), "process.capabilities: set: operation not permitted"),
        (StepReport(step: .conversation, code: .brokenPipe), "talk to the runtime: broken pipe"),
        (StepReport(step: .gate, code: .brokenPipe), "wait for start: broken pipe"),
        (
            StepReport(step: .hook, code: .canceled, text: "error running startContainer hook #0"),
            "error running startContainer hook #0"
        ),
        (StepReport(step: .lookup, code: .noSuchFileOrDirectory), "exec: \"sh\": executable file not found in $PATH"),
        (
            StepReport(step: .lookup, code: .permissionDenied),
            "exec: \"sh\": executable file not found in $PATH: the file of this name is not executable"
        ),
    ])
    func `a failed step is reported with its key, and the kernel's message comes last`(
        report: StepReport, sentence: String
    ) throws {
        #expect(try text(report) == sentence)
    }

    @Test(arguments: [
        (
            StepReport(step: .mount, index: 1, action: .openSource, code: .noSuchFileOrDirectory),
            "open the source: no such file or directory"
        ),
        (
            StepReport(step: .mount, index: 1, action: .makeTarget, code: .readOnlyFileSystem),
            "open or make the destination: read-only file system"
        ),
        (
            StepReport(step: .mount, index: 1, action: .coverProc, code: .notPermitted),
            "cannot be mounted because it is inside /proc"
        ),
        (
            StepReport(step: .mount, index: 1, action: .notDirectory, code: .notDirectory),
            "must be mounted on ordinary directory"
        ),
        (
            StepReport(
                step: .mount, index: 1, action: .parameter, code: .invalidArgument, text: "tmpfs: Unknown parameter 'x'"
            ),
            "option refused (tmpfs: Unknown parameter 'x'): invalid argument"
        ),
        (
            StepReport(step: .mount, index: 1, action: .copyUp, code: .noSpace),
            "tmpcopyup: copy the directory: no space left on device"
        ),
        (
            StepReport(step: .mount, index: 1, action: .attach, code: .noSpace),
            "no space left on device (the limit fs.mount-max of mounts in a namespace, not the disk)"
        ),
        (StepReport(step: .mount, index: 1, action: .whole, code: .notPermitted), "operation not permitted"),
    ])
    func `a mount that failed is named with its source and place`(report: StepReport, end: String) throws {
        #expect(try text(report) == "mounts[1]: error mounting \"/srv\" to rootfs at \"/data\": " + end)
    }

    @Test func `a filesystem that the kernel does not have is named`() throws {
        #expect(
            try text(StepReport(step: .mount, index: 0, action: .filesystemType, code: .noSuchDevice))
                == "mounts[0]: error mounting \"proc\" to rootfs at \"/proc\": filesystem type \"proc\": no such device"
                + " (this kernel has no filesystem of that name)"
        )
    }

    @Test func `a device that failed is named with its key`() throws {
        let index = try #require(try ContainerPlan.sample().devices.nodes.firstIndex { $0.path == "/dev/fuse" })
        #expect(
            try text(StepReport(step: .device, index: index, action: .makeNode, code: .notPermitted))
                == "linux.devices[0]: make /dev/fuse: operation not permitted")
        #expect(
            try text(StepReport(step: .device, index: index, action: .differentNode, code: .fileExists))
                == "linux.devices[0]: make /dev/fuse: another file is there already: file exists")
        #expect(
            try text(StepReport(step: .device, index: 0, action: .makeNode, code: .notPermitted))
                == "default devices: make /dev/null: operation not permitted")
    }

    @Test func `a report about a part that the plan lacks still gives a sentence`() throws {
        for step in [Step.mount, .device, .joinNamespace, .readonlyPath, .maskedPath, .scheduling] {
            #expect(
                try text(StepReport(step: step, index: 500, code: .notPermitted)).hasSuffix("operation not permitted"))
        }
    }

    @Test func `an exec process's failure is reported without a plan of the container`() throws {
        let messages = FailureMessages(process: try ContainerPlan.sample().process, namespaces: [])
        #expect(
            messages.failure(StepReport(step: .user, code: .invalidArgument)).message
                == "process.user.uid: become user 10: invalid argument")
        #expect(
            messages.failure(StepReport(step: .joinNamespace, code: .notPermitted)).message
                == "join namespaces: operation not permitted")
    }

    @Test(arguments: [
        (Step.user, "process.user.uid: become user 10: invalid argument (10 is not mapped by linux.uidMappings)"),
        (.group, "process.user.gid: become group 20: invalid argument (20 is not mapped by linux.gidMappings)"),
        (
            .groups,
            "process.user.additionalGids: set groups: invalid argument (one of 5, 6 is not mapped by linux.gidMappings)"
        ),
    ])
    func `in a user namespace the maps that lack an id are named`(step: Step, message: String) throws {
        var process = try ContainerPlan.sample().process
        process.additionalGroups = [5, 6]
        let messages = FailureMessages(process: process, namespaces: NamespaceSet(.user))
        #expect(messages.failure(StepReport(step: step, code: .invalidArgument)).message == message)
    }

    @Test(arguments: [Step.lookup, .execute])
    func `a program that fails is the path of the failure`(step: Step) throws {
        let failure = try FailureMessages(plan: .sample()).failure(StepReport(step: step, code: .noSuchFileOrDirectory))
        #expect(failure.operation == "exec")
        #expect(failure.path == "sh")
    }

    @Test func `the failure keeps the kernel's error number`() throws {
        let failure = try FailureMessages(plan: .sample()).failure(StepReport(step: .pivot, code: .invalidArgument))
        #expect(failure.kind == .system(.invalidArgument))
        #expect(failure.during("create web").message == "create web: pivot_root into /bundle/rootfs: invalid argument")
    }
}
