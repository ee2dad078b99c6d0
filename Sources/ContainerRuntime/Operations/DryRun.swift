// `--dry-run`: the plans of a container, printed and not carried out.

internal import Cgroups
internal import Glibc
internal import Kernel
package import OCISpec
internal import Planning

/// The steps that would create a container.
package struct DryRun: Sendable {
    fileprivate let plan: ContainerPlan
    fileprivate let cgroup: CgroupPlan
    /// A line a step, in the order in which they would be taken.
    package let steps: [String]
    /// The failures that the rootfs, the sources and the program let expect, a line each.
    package let problems: [String]
}

extension Runtime {
    /// Decides what `create` would do, or `run` when the program starts at once; nothing is made and no right is needed.
    /// - Parameter looksAtRootfs: whether to look for what would fail.
    /// - Throws: what `create` would refuse before it makes anything, but for what only the host's state decides.
    package func dryRun(_ options: CreateOptions, startsAtOnce: Bool, looksAtRootfs: Bool = false) throws(Failure)
        -> DryRun
    {
        try StateStore.check(id: options.id)
        let bundle = try bundle(options)
        // A config without a user namespace is meant for root, and is shown as root would run it.
        let hasUserNamespace = bundle.spec.linux?.namespaces.contains { $0.type == "user" } ?? false
        let plans = try plan(options, bundle, asRoot: !hasUserNamespace)
        return DryRun(
            plan: plans.container, cgroup: plans.cgroup,
            steps: plans.container.summary(cgroup: plans.cgroupLines, startsAtOnce: startsAtOnce),
            problems: looksAtRootfs ? RootfsReview(plan: plans.container).problems() : [])
    }
}

extension DryRun: JSONEncodable {
    /// An object of the steps in words, the plan, and the cgroup.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("steps", steps)
            writer.list("problems", problems)
            writer.field("plan", plan)
            writer.field("cgroup", CgroupDocument(plan: cgroup))
        }
    }
}

private struct CgroupDocument: JSONEncodable {
    let plan: CgroupPlan

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("driver", plan.location.driver.rawValue)
            writer.field("hierarchy", plan.location.hierarchy.rawValue)
            writer.field("unit", plan.location.unit)
            writer.field("directories", plan.location.directories.map { $0.fullPath })
            writer.field("writes", plan.writes.map { Write(write: $0) })
            writer.list("devices", plan.devices?.summary ?? [])
            writer.list("notes", plan.notes)
        }
    }

    private struct Write: JSONEncodable {
        let write: CgroupWrite

        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("controller", write.controller)
                writer.field("file", write.file)
                writer.field("value", write.value)
                writer.field("key", write.key)
            }
        }
    }
}
