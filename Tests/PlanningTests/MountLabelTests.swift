// The SELinux context of a container's filesystems, and contexts that an engine has chosen itself.

import OCISpec
import Testing

@testable import Planning

private let label = "system_u:object_r:container_file_t:s0:c4,c5"

private let enforcing: HostFacts = {
    var host = HostFacts.legacy
    host.hasSELinux = true
    return host
}()

private func spec(_ mounts: [Mount] = [], _ change: (inout Linux) -> Void = { _ in }) -> Spec {
    .container(mounts: mounts) {
        $0.mountLabel = label
        change(&$0)
    }
}

/// The parameters of a filesystem, as text.
private func parameters(_ step: MountStep?) -> [String] {
    guard case .filesystem(_, _, let parameters)? = step?.object else { return [] }
    return parameters.map(\.text)
}

struct MountLabelTests {
    @Test(
        "a new filesystem has the context, if it takes one",
        arguments: [
            ("tmpfs", true, true), ("devpts", true, true), ("overlay", true, true), ("ramfs", true, true),
            ("ext4", true, false), ("bpf", true, false), ("hugetlbfs", true, false), ("fuse.sshfs", true, false),
            ("proc", false, false), ("sysfs", false, false), ("mqueue", false, false), ("securityfs", false, false),
            ("devtmpfs", false, false), ("tracefs", false, false), ("debugfs", false, false),
        ])
    func takesContext(type: String, alone: Bool, inUserNamespace: Bool) throws {
        let mount = Mount(destination: "/m", type: type, source: type, options: ["nosuid"])
        let plan = try spec([mount]).plan(host: enforcing)
        #expect(parameters(plan.mounts.first) == (alone ? ["context=" + label] : []))
        var host = enforcing
        host.isInUserNamespace = true
        let nested = try spec([mount]).plan(host: host)
        #expect(parameters(nested.mounts.first) == (inUserNamespace ? ["context=" + label] : []))
        #expect(plan.mounts.first?.rootLabel == (type == "mqueue" ? label : nil))
    }

    @Test func `cgroups and volumes keep their own`() throws {
        let mounts = [
            Mount(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup"),
            Mount(destination: "/v", type: "bind", source: "/v", options: ["bind"]),
        ]
        for host in [
            enforcing,
            {
                var host = HostFacts.unified; host.hasSELinux = true; return host
            }(),
        ] {
            let labelled = try spec(mounts).plan(host: host)
            let plain = try Spec.container(mounts: mounts).plan(host: host)
            #expect(labelled.mounts == plain.mounts)
            #expect(labelled.mountLabel?.parameter == MountStep.Parameter("context", label))
        }
    }

    @Test func `without SELinux, and without a label, there is none`() throws {
        let mounts = [Mount(destination: "/m", type: "tmpfs", source: "tmpfs")]
        for (text, host) in [(label, HostFacts.legacy), ("", enforcing), (nil, enforcing)] as [(String?, HostFacts)] {
            let plan = try spec(mounts) { $0.mountLabel = text }.plan(host: host)
            #expect(plan.mountLabel == nil)
            #expect(parameters(plan.mounts.first) == [])
        }
    }

    @Test(
        "a mount with a context of its own keeps it",
        arguments: [
            ["context=a:b:c:s0"], ["context=\"a:b:c:s0:c1,c2\""], ["size=64k,context=\"a:b:c:s0:c1,c2\",mode=700"],
            ["rootcontext=a:b:c:s0"], ["fscontext=a:b:c:s0"], ["defcontext=a:b:c:s0"],
            ["context=\"a:b:c:s0:c1", "c2\""],
        ])
    func ownContext(options: [String]) throws {
        let mount = Mount(destination: "/m", type: "tmpfs", source: "tmpfs", options: options)
        let plan = try spec([mount]).plan(host: enforcing)
        #expect(parameters(plan.mounts.first).count { $0.contains("context=") } == 1)
        #expect(!parameters(plan.mounts.first).contains("context=" + label))
    }

    @Test(
        "a context is one parameter, without its quotes, however its options were divided",
        arguments: [
            (["context=\"a:b:c:s0:c1,c2\""], ["context=a:b:c:s0:c1,c2"]),
            (["context=\"a:b:c:s0:c1", "c2\""], ["context=a:b:c:s0:c1,c2"]),
            (
                ["mode=700", "context=\"a:b:c:s0:c1", "c2", "c3\"", "size=1"],
                ["mode=700", "context=a:b:c:s0:c1,c2,c3", "size=1"]
            ),
            (["rootcontext=\"a:b:c:s0", "ro\""], ["rootcontext=a:b:c:s0,ro"]),
            (["context=\"a:b:c:s0:c1", "size=1"], ["context=\"a:b:c:s0:c1,size=1"]),
            (["context=\""], ["context=\""]), (["context=\"\""], ["context="]), (["context="], ["context="]),
        ])
    func divided(options: [String], expected: [String]) throws {
        let mount = Mount(destination: "/m", type: "tmpfs", source: "tmpfs", options: options)
        let plan = try Spec.container(mounts: [mount]).plan(host: .legacy)
        #expect(parameters(plan.mounts.first) == expected)
    }

    @Test(
        "an annotation chooses the option", arguments: ["context", "fscontext", "defcontext", "rootcontext"])
    func contextType(name: String) throws {
        var spec = spec([Mount(destination: "/m", type: "tmpfs", source: "tmpfs")])
        spec.annotations = ["run.oci.mount_context_type": name]
        let plan = try spec.plan(host: enforcing)
        #expect(parameters(plan.mounts.first) == ["\(name)=\(label)"])
        spec.annotations = ["run.oci.mount_context_type": "no" + name]
        #expect(
            refusal { try spec.plan(host: enforcing) }
                == "annotations.run.oci.mount_context_type: \"no\(name)\" is none of context, fscontext, defcontext"
                + " and rootcontext")
    }
}
