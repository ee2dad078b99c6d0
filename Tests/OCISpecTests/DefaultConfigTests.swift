// The configuration that `spec` writes.

import OCISpec
import Testing

struct DefaultConfigTests {
    private func check(_ spec: Spec, is name: String) throws {
        let expected = try String(decoding: Fixture(name, in: "default").json, as: UTF8.self)
        #expect(String(decoding: spec.json(indent: "\t"), as: UTF8.self) + "\n" == expected)
        #expect(try Spec(config: spec.json(indent: "\t")) == spec)
    }

    @Test func `a bundle of root on a host with cgroup v1 has five namespaces`() throws {
        try check(.defaultConfig(cgroupNamespace: false), is: "root")
    }

    @Test func `on a host with cgroup v2 there is a cgroup namespace too`() throws {
        var expected = Spec.defaultConfig(cgroupNamespace: false)
        expected.linux?.namespaces.append(LinuxNamespace(type: "cgroup"))
        #expect(Spec.defaultConfig(cgroupNamespace: true) == expected)
    }

    @Test func `a bundle of an ordinary user maps root to that user`() throws {
        try check(.rootlessConfig(uid: 1000, gid: 100, cgroupNamespace: true), is: "rootless")
    }
}
