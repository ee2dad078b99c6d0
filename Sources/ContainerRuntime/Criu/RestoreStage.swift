// The child's line before it is CRIU, in a mount namespace that ends with it: root and sources where CRIU takes them.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

struct RestoreStage {
    let plan: ContainerPlan
    let stage: Stage

    func run() throws(Failure) {
        try during("restore: cut the mounts off from the host's") { () throws(Errno) in
            try changeMount(
                OwnedDescriptor.currentDirectory, "/", AttributeChange(), propagation: .slave, recursive: true)
        }
        try makeStage()
        let sources = try openSources()
        let root = try openRoot()
        try makeMountPoints(in: root, sources)
        try restrict(sources)
        if plan.root.isReadOnly {
            // CRIU before 4.2 forgets the flag of the root, and takes what it finds here.
            try during("root.readonly: make the root read-only") { () throws(Errno) in
                try changeMount(root.descriptor, AttributeChange(set: .readOnly))
            }
        }
    }

    private func makeStage() throws(Failure) {
        let made = try mapping({ () throws(ActionFailure) in
            try newFilesystem(
                type: "tmpfs", source: "swiftrun", [.init("mode", "711")], attributes: [.noSuid, .noDev, .noExec])
        }) { (failure: ActionFailure) in Failure("restore: make a tmpfs", failure.code) }
        try during("restore: mount \(stage.directory)") { () throws(Errno) in
            let place = try OwnedDescriptor.open(stage.directory, .path | .directory | .noFollow)
            try attachMount(made, on: place)
        }
        try during("restore: make \(stage.root)") { () throws(Errno) in
            try checked { clinux_mkdir(stage.root, 0o755) }
        }
    }

    private func openRoot() throws(Failure) -> RootDirectory {
        try during("root.path: bind \(plan.root.path)") { () throws(Errno) in
            let tree = try cloneMount(plan.root.path, recursive: true)
            let place = try OwnedDescriptor.open(stage.root, .path | .directory)
            try attachMount(tree, on: place)
            return RootDirectory(tree)
        }
    }

    /// Makes every bind mount's source available under the name that CRIU is given; checked and mapped as in `create`.
    /// - Returns: the staged tree of each mount of the plan. The descriptors stay open: this process becomes another
    ///   program.
    private func openSources() throws(Failure) -> [Int32?] {
        var result: [Int32?] = []
        for (index, mount) in plan.mounts.enumerated() {
            guard case .bind(let source, let recursive) = mount.object else {
                result.append(nil)
                continue
            }
            let tree = try open(mount, source, recursive: recursive)
            try during("\(mount.key): stage \(source)") { () throws(Errno) in
                let path = stage.mount(index)
                if try fileStatus(tree.rawValue).isDirectory {
                    try checked { clinux_mkdir(path, 0o755) }
                } else {
                    _ = try OwnedDescriptor.open(path, .writeOnly | .create | .exclusive, mode: 0o600)
                }
                try attachMount(tree, on: try OwnedDescriptor.open(path, .path | .noFollow))
            }
            result.append(tree.relinquish())
        }
        return result
    }

    private func open(_ mount: MountStep, _ source: String, recursive: Bool) throws(Failure) -> OwnedDescriptor {
        let tree = try during("\(mount.key).source: open \(source)") { () throws(Errno) in
            try cloneMount(source, recursive: recursive, followLinks: mount.followsSource)
        }
        guard let mapping = mount.idMapping else { return tree }
        // That of the container itself is not there yet, and another with the same maps does as well.
        let namespace = try makeUserNamespace(mapping.maps ?? plan.namespaces.maps)
        let number = namespace.rawValue
        try during("\(mount.key): map ids") { () throws(Errno) in
            try changeMount(
                tree, AttributeChange(set: .idMapped), userNamespace: number, recursive: mapping.recursive)
        }
        return tree
    }

    /// Gives the sources the options that their mounts have: of several mounts of one filesystem with the same options CRIU
    /// sets those of the first, and expects the others to be copies of it.
    private func restrict(_ sources: [Int32?]) throws(Failure) {
        for (mount, source) in zip(plan.mounts, sources) {
            guard let source else { continue }
            let restrictions: MountAttributes = [.readOnly, .noSuid, .noDev, .noExec, .noSymlinkFollow]
            let (own, all) = (
                mount.attributes.set.intersection(restrictions),
                mount.recursiveAttributes.set.intersection(restrictions)
            )
            try during("\(mount.key).options: set those of the source") { () throws(Errno) in
                if !own.isEmpty { try changeMount(source, "", AttributeChange(set: own)) }
                if !all.isEmpty { try changeMount(source, "", AttributeChange(set: all), recursive: true) }
            }
        }
    }

    /// Makes missing mount points, as `create` does, also inside bind mounts, which are mounted for that.
    private func makeMountPoints(in root: borrowing RootDirectory, _ sources: [Int32?]) throws(Failure) {
        var covered: [String] = []
        var temporary: [Int32] = []
        for (index, mount) in plan.mounts.enumerated() {
            // The images contain the mount points inside the container's own filesystems.
            if covered.contains(where: { mount.destination.hasPrefix($0 + "/") }) { continue }
            let isNeeded = plan.mounts[(index + 1)...].contains { $0.destination.hasPrefix(mount.destination + "/") }
            try during("\(mount.key).destination: make \(mount.destination)") { () throws(Errno) in
                guard let source = sources[index] else {
                    if case .remount = mount.object { return }
                    covered.append(mount.destination)
                    return _ = try root.openOrMake(mount.destination, .directory)
                }
                let kind: RootDirectory.Leaf = try fileStatus(source).isDirectory ? .directory : .file
                let place = try root.openOrMake(mount.destination, kind)
                guard isNeeded else { return }
                let copy = try cloneMount("", recursive: false, at: source)
                try attachMount(copy, on: place)
                temporary.append(copy.relinquish())
            }
        }
        for number in temporary.reversed() {
            try during("restore: unmount what was mounted to make mount points") { () throws(Errno) in
                try detachMount("/proc/self/fd/\(number)")
            }
            close(number)
        }
    }
}
