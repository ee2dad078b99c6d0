// /sys/fs/cgroup inside a container on a cgroup v1 host: the container's own directories, side by side on a tmpfs.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// A mount of type `cgroup` where the host has one hierarchy a controller.
struct LegacyCgroupMount {
    let mount: MountStep
    let hierarchies: [HostFacts.Hierarchy]
    let label: MountLabel?

    func make(on target: consuming OwnedDescriptor) throws(ActionFailure) {
        let attributes = mount.attributes.set
        let stage = try newFilesystem(
            type: "tmpfs", source: "tmpfs", [MountStep.Parameter("mode", "755")] + label.parameters,
            attributes: attributes.subtracting(.readOnly))
        try part(.attach) { [target] () throws(Errno) in try attachLike(stage, on: target) }
        for hierarchy in hierarchies { try bind(hierarchy, in: stage) }
        if attributes.contains(.readOnly) {
            try part(.attributes) { () throws(Errno) in try changeMount(stage, AttributeChange(set: .readOnly)) }
        }
        for change in mount.propagation {
            try part(.propagation) { () throws(Errno) in
                try changeMount(stage, AttributeChange(), propagation: change.kind, recursive: change.recursive)
            }
        }
    }

    private func bind(_ hierarchy: HostFacts.Hierarchy, in stage: borrowing OwnedDescriptor) throws(ActionFailure) {
        let directory = stage.rawValue
        let tree = try mapping({ () throws(Errno) in try cloneMount(hierarchy.directory, recursive: false) }) {
            ActionFailure(action: .openSource, code: $0, text: hierarchy.directory)
        }
        try part(.makeTarget) { () throws(Errno) in try checked { mkdirat(directory, hierarchy.name, 0o755) } }
        let place = try part(.makeTarget) { () throws(Errno) in
            try OwnedDescriptor.open(hierarchy.name, .path | .noFollow | .directory, at: directory)
        }
        try part(.attributes) { () throws(Errno) in try changeMount(tree, mount.attributes) }
        try part(.attach) { () throws(Errno) in try attachMount(tree, on: place) }
        let controllers = hierarchy.name.split(separator: ",")
        guard controllers.count > 1 else { return }
        for controller in controllers {
            try part(.makeTarget) { () throws(Errno) in
                try checked { symlinkat(hierarchy.name, directory, String(controller)) }
            }
        }
    }
}
