// The namespaces and files of a pod, and the changes in its containers' configs.

import Kernel
import OCISpec
import ShimAPI
import SwiftProtobuf
import Testing

@testable import Shim

@Suite struct PodTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var network = "/run/netns/cni-1"
        var modes: CRINamespaceOption = .with { $0.pid = .container }
        var made: NamespaceSet
        var host: NamespaceSet = []
        var joins = "/run/netns/cni-1"
    }

    private static let ipc = NamespaceSet(.ipc)
    private static let uts = NamespaceSet(.uts)
    private static let network = NamespaceSet(.network)
    private static let pid = NamespaceSet(.pid)

    // Categories keep containers of a pod apart, which share what is labelled so.
    @Test(arguments: [
        ("system_u:object_r:container_file_t:s0:c1,c2", "system_u:object_r:container_file_t:s0"),
        ("system_u:object_r:container_file_t:s0-s0:c0.c1023", "system_u:object_r:container_file_t:s0"),
        ("system_u:object_r:container_file_t:s0", "system_u:object_r:container_file_t:s0"),
        ("system_u:object_r:container_file_t", "system_u:object_r:container_file_t"),
        ("system_u:object_r:a,size=1:s0", nil), ("system_u:object_r:a\":s0", nil), ("unlabeled", nil), ("", nil),
    ])
    func `what a pod shares has its first container's label without categories`(mountLabel: String, label: String?) {
        #expect(PodLabel(of: ["linux": ["mountLabel": .string(mountLabel)]])?.text == label)
        #expect(PodLabel(of: ["linux": [:]]) == nil)
    }

    static let rows = [
        Row(testDescription: "a pod", made: [ipc, uts]),
        Row(testDescription: "nothing said", modes: CRINamespaceOption(), made: [ipc, uts, pid]),
        Row(testDescription: "no network made", network: "", made: [ipc, uts, network], joins: ""),
        Row(
            testDescription: "host network", network: "", modes: .with { ($0.pid, $0.network) = (.container, .node) },
            made: [ipc], host: [uts, network], joins: ""),
        Row(
            testDescription: "host ipc", modes: .with { ($0.pid, $0.ipc) = (.container, .node) }, made: [uts],
            host: [ipc]),
        Row(testDescription: "host pid", modes: .with { $0.pid = .node }, made: [ipc, uts], host: [pid]),
    ]

    @Test(arguments: rows)
    func `the modes of the CRI decide about namespaces`(_ row: Row) throws {
        var config = CRIPodSandboxConfig()
        config.linux.securityContext.namespaceOptions = row.modes
        let plan = try PodPlan(config, network: row.network, hostName: "host")
        #expect(plan.namespaces == row.made)
        #expect(plan.host == row.host)
        #expect(plan.network == row.joins)
        #expect(plan.sharesProcesses == row.made.contains(.pid))
        #expect(plan.hasSharedMemory == !row.host.contains(.ipc))
    }

    @Test func `files hold what the description says, or what the host has`() throws {
        var config = CRIPodSandboxConfig()
        let plain = try PodPlan(config, network: "", hostName: "host")
        #expect(plain.hostname == nil)
        #expect(plain.files.map(\.content) == [.text("host\n"), .host, .host])
        config.hostname = "web-0"
        config.dnsConfig = .with { ($0.servers, $0.options) = (["10.0.0.1", "10.0.0.2"], ["ndots:5", "edns0"]) }
        let plan = try PodPlan(config, network: "", hostName: "host")
        #expect(plan.hostname == "web-0")
        let resolver = "nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:5 edns0\n"
        #expect(plan.files.map(\.content) == [.text("web-0\n"), .host, .text(resolver)])
        #expect(plan.files.map(\.name) == ["hostname", "hosts", "resolv.conf"])
        config.hostname = String(repeating: "x", count: 65)
        #expect(throws: ShimFailure("hostname \(config.hostname): longer than 64 bytes")) {
            try PodPlan(config, network: "", hostName: "host")
        }
        // On the host's network it is the host's name that counts.
        config.linux.securityContext.namespaceOptions.network = .node
        #expect(try PodPlan(config, network: "", hostName: "host").hostname == nil)
    }

    @Test(arguments: ["a\nb", "a\rb", "a\0", "\u{7f}", "\t"])
    func `a control character in a pod's names is refused`(text: String) {
        let configs: [(String, CRIPodSandboxConfig)] = [
            ("hostname", .with { $0.hostname = text }),
            ("dns_config: servers", .with { $0.dnsConfig.servers = ["10.0.0.1", text] }),
            ("dns_config: searches", .with { $0.dnsConfig.searches = [text] }),
            ("dns_config: options", .with { $0.dnsConfig.options = [text] }),
        ]
        for (name, config) in configs {
            #expect(throws: ShimFailure("\(name): \(text.quoted): it holds a control character")) {
                try PodPlan(config, network: "", hostName: "host")
            }
        }
    }

    @Test(arguments: [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.1/forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
        ("net.ipv4.conf.eth0/1.forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
        ("kernel.sem", "/proc/sys/kernel/sem"), ("fs.mqueue.msg_max", "/proc/sys/fs/mqueue/msg_max"),
        ("kernel.domainname", "/proc/sys/kernel/domainname"),
    ])
    func `a parameter has its path`(_ name: String, _ path: String) throws {
        let config = CRIPodSandboxConfig.with { $0.linux.sysctls = [name: "1"] }
        #expect(try PodPlan(config, network: "", hostName: "").parameters.map(\.path) == [path])
    }

    @Test(arguments: [
        "kernel.core_pattern", "kernel.hostname", "vm.swappiness", "fs.file-max", "net", "", "net..x", "net/../../x",
        "net.//.kernel", "kernel.msgmax.x", "user.max_user_namespaces",
    ])
    func `a parameter of the host's, or none, is refused`(_ name: String) {
        let config = CRIPodSandboxConfig.with { $0.linux.sysctls = [name: "1"] }
        #expect(throws: ShimFailure.self) { try PodPlan(config, network: "", hostName: "") }
    }

    @Test func `a user namespace has the maps it was given, and its root owns the files`() throws {
        var config = CRIPodSandboxConfig()
        let map = CRIIDMapping.with { ($0.containerID, $0.hostID, $0.length) = (0, 100_000, 65536) }
        config.linux.securityContext.namespaceOptions.usernsOptions = .with { ($0.uids, $0.gids) = ([map], [map]) }
        let plan = try PodPlan(config, network: "/n", hostName: "")
        #expect(plan.maps == MountIDMaps(users: "0 100000 65536\n", groups: "0 100000 65536\n"))
        #expect(plan.rootUser == 100_000)
        config.linux.securityContext.namespaceOptions.usernsOptions.gids = []
        #expect(throws: ShimFailure("userns_options: gids are empty")) {
            try PodPlan(config, network: "/n", hostName: "")
        }
        config.linux.securityContext.namespaceOptions.usernsOptions.mode = .node
        #expect(try PodPlan(config, network: "/n", hostName: "").maps == nil)
    }

    // MARK: joining

    private var resources: PodResources {
        var resources = PodResources()
        resources.paths = ["network": "/run/netns/cni-1", "ipc": "/proc/7/fd/9"]
        resources.host = ["uts"]
        resources.mounts = [
            .init(source: "/p/hosts", destination: "/etc/hosts"), .init(source: "/p/shm", destination: "/dev/shm"),
        ]
        return resources
    }

    private func value(_ text: String) throws -> JSONValue { try JSONDocument(Array(text.utf8)).decode() }

    @Test func `paths below no process become the pod's, and all else stays`() throws {
        let spec = try value(
            """
            {"ociVersion":"1.2.0","x":[1,-2.50,true,{"y":"\\u00e9"}],"linux":{"z":18446744073709551615,"namespaces":[
            {"type":"network","path":"/proc/0/ns/net"},{"type":"ipc","path":"/proc/0/ns/ipc"},
            {"type":"uts","path":"/proc/0/ns/uts"},{"type":"mount"},{"type":"pid"},
            {"type":"user","path":"/proc/12/ns/user"},{"type":"cgroup","path":"/run/0/ns/x"}]}}
            """)
        let joined = try resources.join(spec)
        #expect(
            String(decoding: joined["linux"]?.json() ?? [], as: UTF8.self)
                == #"{"z":18446744073709551615,"namespaces":["#
                + #"{"type":"network","path":"/run/netns/cni-1"},{"type":"ipc","path":"/proc/7/fd/9"},"#
                + #"{"type":"mount"},{"type":"pid"},{"type":"user","path":"/proc/12/ns/user"},"#
                + #"{"type":"cgroup","path":"/run/0/ns/x"}]}"#)
        #expect(String(decoding: joined["x"]?.json() ?? [], as: UTF8.self) == #"[1,-2.50,true,{"y":"é"}]"#)
        #expect(throws: ShimFailure("linux.namespaces: the pod has no pid namespace, which the container is to join")) {
            try resources.join(value(#"{"linux":{"namespaces":[{"Type":"pid","Path":"/proc/0/ns/pid"}]}}"#))
        }
    }

    @Test(arguments: [
        // Nothing there; the default of every container; a volume; a file of the caller's own.
        ("[]", ["/etc/hosts /p/hosts rw", "/dev/shm /p/shm rw"]),
        (
            #"[{"destination":"/dev/shm","type":"tmpfs","source":"shm"},{"destination":"/a","source":"b"}]"#,
            ["/dev/shm /p/shm rw", "/a b ", "/etc/hosts /p/hosts rw"]
        ),
        (
            #"[{"destination":"/dev/./shm/","type":"bind","source":"/v"}]"#,
            ["/dev/./shm/ /v ", "/etc/hosts /p/hosts rw"]
        ),
        (#"[{"destination":"/etc/hosts","source":"/k"}]"#, ["/etc/hosts /k ", "/dev/shm /p/shm rw"]),
    ])
    func `a pod's files are mounted where nothing else is`(_ mounts: String, _ expected: [String]) throws {
        let joined = try resources.join(value(#"{"mounts":\#(mounts)}"#))
        let seen = joined["mounts"]?.elements.map { mount in
            [mount["destination"]?.text, mount["source"]?.text, mount["options"]?.elements.last?.text]
                .map { $0 ?? "" }.joined(separator: " ")
        }
        #expect(seen == expected)
    }

    @Test func `a container with a root that cannot be written gets files that cannot`() throws {
        let joined = try resources.join(value(#"{"root":{"path":"r","readonly":true}}"#))
        #expect(joined["mounts"]?.elements.map { $0["options"]?.elements.last?.text } == ["ro", "rw"])
    }
}
