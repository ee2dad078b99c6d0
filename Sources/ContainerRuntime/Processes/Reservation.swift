// The resources that a container has before its first process. A failure of a later step takes them back.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// A container without a process yet: state directory, record, cgroup, resctrl group.
struct Reservation: ~Copyable {
    let directory: ContainerDirectory
    var record: ContainerRecord
    let placement: CgroupPlacement
    let owner: CgroupOwner
    let resctrl: Resctrl?
    /// The namespaces that are joined by path.
    let joined: [InitInputs.Joined]
}

extension Runtime {
    /// Makes the resources of a container.
    ///
    /// - Parameters:
    ///   - record: the first record; the cgroup and the resctrl groups are added to it.
    ///   - defersDevices: whether the caller enforces the device rules of cgroup v2 itself, after the clone.
    ///   - prepare: makes the caller's own files in the state directory.
    func reserve(
        _ plans: Plans, _ options: CreateOptions, _ bundle: Bundle, _ filter: SeccompFilter?, record: ContainerRecord,
        _ undo: inout Undo, defersDevices: Bool = true,
        prepare: (borrowing ContainerDirectory) throws(Failure) -> Void
    ) throws(Failure) -> Reservation {
        let plan = plans.container
        var record = record
        let joined = try openNamespaces(plan)
        var resctrl: Resctrl?
        if let wanted = plan.resctrl { resctrl = try Resctrl(wanted) }
        let directory = try reserveDirectory(plan, options, record, &undo)
        undo.add { [self, record] in detachRoot(record) }
        try directory.write(ContainerDirectory.configName, bundle.config)
        try prepare(directory)
        if let filter {
            note(.debug, "seccomp filter flags: \(filter.flags.rawValue)")
            try StoredFilter.write(filter, to: directory)
        }
        let owner = owner(id: record.id, created: record.created, location: plans.cgroup.location)
        let placement = try reserveCgroup(plans.cgroup, owner, defersDevices: defersDevices, &undo)
        record.cgroup = placement.location
        if let resctrl {
            record.resourceGroups = try resctrl.prepare()
            undo.add { [self, groups = record.resourceGroups] in removeResourceGroups(groups) }
        }
        for text in placement.refusals { note(.debug, "skipped: \(text)") }
        return Reservation(
            directory: directory, record: record, placement: placement, owner: owner, resctrl: resctrl, joined: joined)
    }

    func newRecord(
        _ plan: ContainerPlan, _ location: CgroupLocation, hasSeccomp: Bool
    ) -> ContainerRecord {
        var record = ContainerRecord(
            id: plan.id, ociVersion: plan.ociVersion, bundle: plan.bundle, rootfs: plan.root.path,
            created: timestamp(), owner: geteuid(), cgroup: location, namespaces: plan.namespaces.entered.rawValue,
            annotations: plan.annotations)
        record.createdNamespaces = plan.namespaces.created.rawValue
        // A path names the container that has the name of its last directory.
        if plan.bundle.hasSuffix("/" + plan.id) {
            do throws(Errno) { record.bundleDirectory = FileIdentity(try fileStatus(at: plan.bundle)) } catch {}
        }
        record.hasSeccomp = hasSeccomp
        record.oomScoreAdj = plan.process.oomScoreAdjustment
        record.execNeedsConfig =
            plan.process.scheduling.personality != nil || plan.process.scheduling.memoryPolicy != nil
            || plan.process.apparmorProfile != nil || plan.process.selinuxLabel != nil
        record.hasPoststartHooks = !plan.hooks.poststart.isEmpty
        record.hasPoststopHooks = !plan.hooks.poststop.isEmpty
        return record
    }

    /// Makes the state directory with the first record, before any other resource: from here on `delete --force` can clean
    /// up after a crash.
    private func reserveDirectory(
        _ plan: ContainerPlan, _ options: CreateOptions, _ record: ContainerRecord, _ undo: inout Undo
    ) throws(Failure) -> ContainerDirectory {
        let directory = try makeDirectory(plan, options)
        let made: FileIdentity
        do throws(Failure) { made = try directory.identity() } catch {
            clinux_rmdir(directory.path)
            throw error
        }
        try directory.writeFirst(record)
        undo.add { [store, note, id = plan.id] in
            do throws(Failure) {
                let directory = try store.open(id: id)
                // Ours may have been deleted meanwhile, and another made under this id.
                if try directory.identity() == made { try directory.remove() }
            } catch { note(.debug, error.message) }
        }
        return directory
    }

    /// Makes the container's cgroup.
    private func reserveCgroup(
        _ plan: CgroupPlan, _ owner: CgroupOwner, defersDevices: Bool, _ undo: inout Undo
    ) throws(Failure) -> CgroupPlacement {
        let placement = try prepareCgroup(plan, owner, defersDevices: defersDevices)
        undo.add { [note, group = Cgroup(placement.location, owner: owner)] in
            do throws(CgroupFailure) {
                // Without its own pid namespace the init's end leaves processes that hooks have started there.
                if try !group.processes().isEmpty { try group.killAll() }
            } catch { note(.debug, error.description) }
            do throws(CgroupFailure) { try group.remove() } catch { note(.warning, error.description) }
        }
        return placement
    }

    private func makeDirectory(
        _ plan: ContainerPlan, _ options: CreateOptions
    ) throws(Failure) -> ContainerDirectory {
        do throws(Failure) { return try store.make(id: plan.id) } catch {
            guard error.kind == .exists, options.isNamedAfterBundle, let other = bundle(ofContainer: plan.id),
                other != plan.bundle
            else { throw error }
            throw Failure(
                .exists,
                "\(error.message), of bundle \(other): a second bundle of this name needs an id of its own,"
                    + " as in: swiftrun run ID --bundle \(plan.bundle)")
        }
    }

    private func bundle(ofContainer id: String) -> String? {
        do throws(Failure) { return try store.open(id: id).record().bundle } catch { return nil }
    }

    private func prepareCgroup(
        _ plan: CgroupPlan, _ owner: CgroupOwner, defersDevices: Bool
    ) throws(Failure) -> CgroupPlacement {
        do throws(Failure) {
            return try cgroup { () throws(CgroupFailure) in
                try Cgroup(plan.location, owner: owner).prepare(plan, defersDevices: defersDevices)
            }
        } catch {
            let refusals: [Errno] = [.permissionDenied, .notPermitted, .readOnlyFileSystem]
            // On v2 the message mentions delegation already.
            guard plan.toleratesRefusals, plan.location.hierarchy != .unified,
                refusals.contains(where: { error.kind == .system($0) })
            else { throw error }
            throw Failure(
                error.kind, "\(error.message) (limits, and a cgroupsPath, take a cgroup that is delegated to the user)")
        }
    }
}
