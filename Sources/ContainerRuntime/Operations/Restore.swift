// `restore`: makes a container anew from the files that `checkpoint` has written; its processes go on where they were.

internal import Cgroups
internal import Criu
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
package import Planning

extension Runtime {
    /// - Returns: the exit status for the caller: the container's own in the foreground.
    package func restore(_ create: CreateOptions, _ options: RestoreOptions) throws(Failure) -> Int32 {
        try checkRightsForCriu("restore")
        if options.isDetached {
            let made = try restored(create, options)
            _ = made.record.pid
            return 0
        }
        let signals = try Foreground.blockSignals(heedsRequests: true)
        if !options.withoutSubreaper {
            try during("become a subreaper") { () throws(Errno) in try processControl(.setSubreaper, 1) }
        }
        let made = try restored(create, options)
        let memory = OOMKillDetector(watching: Cgroup(made.record.cgroup))
        return try attend(made, memory, signals: signals, keeps: false)
    }

    private func restored(_ create: CreateOptions, _ options: RestoreOptions) throws(Failure) -> CreatedContainer {
        try StateStore.check(id: create.id)
        try InheritedDescriptors(sockets: 0, preserved: 0).keepOthers()
        noteIgnoredSignals()
        let images = try ImageDirectory(options.image.imagePath, flag: "--image-path")
        try images.checkImages()
        let bundle = try Bundle(directory: create.bundle, configName: create.configName)
        let known = try images.record()
        var create = create
        create.hadNotifySocket = known?.hasNotifySocket ?? false
        let plans = try plan(create, bundle)
        try checkTerminal(
            plans.container.process, consoleSocket: create.consoleSocket, isForeground: !options.isDetached)
        var console: EngineSocket?
        if let path = create.consoleSocket { console = try EngineSocket(path: path, flag: "--console-socket") }
        let filter = try filter(plans.container, bundle.spec)
        try checkHost(plans.container)
        let worker = try CriuProgram.find()
        var undo = Undo()
        let location = plans.cgroup.location
        let record = newRecord(plans.container, location, hasSeccomp: filter != nil)
        let reserved = try reserve(plans, create, bundle, filter, record: record, &undo, defersDevices: false) {
            (directory) throws(Failure) in
            let number = directory.descriptor.rawValue
            try during("make \(directory.path)/\(Restoration.stageName)") { () throws(Errno) in
                try checked { mkdirat(number, Restoration.stageName, 0o711) }
            }
            try NotifySocket.prepare(for: plans.container, in: directory)
            if options.image.cgroupsMode == .strict { try checkStrictly(location) }
        }
        // Nobody takes the lock before the last step of the clean-up.
        let lock = try during("duplicate the lock") { () throws(Errno) in
            try reserved.directory.descriptor.duplicated()
        }
        do throws(Failure) {
            var restoration = try Restoration(
                runtime: self, plans: plans, options: options, reserved: reserved, known: known,
                filter: filter, makesKeyring: !create.withoutNewKeyring, console: console)
            let made = try restoration.run(worker, images, criuConfigFile(bundle.spec.annotations))
            if let path = create.pidFile { try writePidFile(path, made.record.pid) }
            undo.keep()
            return made
        } catch {
            let record = newRecord(plans.container, plans.cgroup.location, hasSeccomp: false)
            _ = consume undo
            _ = consume lock
            runPoststop(plans.container, record)
            throw error
        }
    }

    /// For the mode in which nothing may be there yet; CRIU would find what is made for it.
    private func checkStrictly(_ location: CgroupLocation) throws(Failure) {
        for directory in location.directories where clinux_access(directory.fullPath, F_OK) == 0 {
            throw Failure(.exists, "--manage-cgroups-mode strict: cgroup \(directory.fullPath) exists")
        }
    }
}
