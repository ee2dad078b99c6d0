// The output of `features`.

import OCISpec
import Testing

struct FeaturesTests {
    private let features = Features(
        ociVersionMin: "1.0.0",
        ociVersionMax: "1.3.0",
        hooks: ["prestart", "poststop"],
        mountOptions: ["bind", "ro"],
        linux: Features.Linux(
            namespaces: ["cgroup", "user"],
            capabilities: ["CAP_CHOWN", "CAP_KILL"],
            cgroup: Features.Cgroup(v1: true, v2: true, systemd: true, systemdUser: false, rdma: true),
            seccomp: Features.Seccomp(
                enabled: true, actions: ["SCMP_ACT_ALLOW"], operators: ["SCMP_CMP_EQ"], archs: ["SCMP_ARCH_X86_64"],
                knownFlags: ["SECCOMP_FILTER_FLAG_LOG"], supportedFlags: ["SECCOMP_FILTER_FLAG_TSYNC"]),
            apparmor: Features.Switch(enabled: true),
            selinux: Features.Switch(enabled: false),
            intelRdt: Features.IntelRdt(enabled: true, schemata: true, monitoring: false),
            memoryPolicy: Features.MemoryPolicy(modes: ["MPOL_BIND"], flags: ["MPOL_F_STATIC_NODES"]),
            mountExtensions: Features.MountExtensions(idmap: Features.Switch(enabled: true)),
            netDevices: Features.Switch(enabled: true)
        ),
        annotations: ["org.example.version": "1"],
        potentiallyUnsafeConfigAnnotations: ["bundle", "org.example."]
    )

    @Test func `features are printed in the layout of the specification`() throws {
        let expected = try Fixture("every-property", in: "features").json
        #expect(
            String(decoding: features.json(indent: "    "), as: UTF8.self) + "\n"
                == String(decoding: expected, as: UTF8.self))
    }

    @Test func `every feature is read`() throws {
        #expect(try Features(json: Fixture("every-property", in: "features").json) == features)
    }

    @Test func `every feature refuses a value of a wrong type and is named`() throws {
        let documents = try documentsWithOneWrongType(Fixture("every-property", in: "features").json)
        #expect(documents.count > 50)
        for document in documents {
            let error = try #require(throws: InvalidSpec.self, "\(document.place)") {
                try Features(json: document.json)
            }
            #expect(error.keyPath == document.place)
        }
    }
}
