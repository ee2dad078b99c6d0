// Services of the host: network devices for a container, and readiness notifications.

import Foundation
import OCISpec
import Testing

@Suite(.serialized)
struct NetworkDeviceTests {
    /// Runs a container in a network namespace with a pair of devices; one of them has addresses.
    private func outcome(
        _ sandbox: Sandbox, _ devices: TextMap<LinuxNetDevice>, prepare: String = "true", after: String = "true"
    ) async throws -> Outcome {
        try sandbox.configure { spec in
            spec.process?.args = ["ip", "addr"]
            spec.linux?.netDevices = devices
        }
        let script = """
            ip link add test0 type veth peer name test1
            ip link set test0 mtu 1400 address 02:00:00:00:00:07 up
            ip addr add 10.5.6.7/24 dev test0
            ip addr add 169.254.1.1/16 scope link dev test0
            ip -6 addr add fd00::5/64 dev test0
            \(prepare)
            \(sandbox.runtime.path) --root \(sandbox.state) run \(sandbox.id)
            s=$?
            \(after)
            exit $s
            """
        try sandbox.write(sandbox.directory + "/script", script)
        return try await shell("unshare -n sh ../script", in: sandbox.bundle)
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a device keeps its addresses, except those of the link`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let moved = try await outcome(
                sandbox, ["test0": LinuxNetDevice(name: "eth0")], after: "ip -br link | grep -c test0")
            #expect(moved.errors == "")
            for expected in [
                "eth0@", "UP", "mtu 1400", "02:00:00:00:00:07", "inet 10.5.6.7/24", "inet6 fd00::5/64", "127.0.0.1",
            ] {
                #expect(moved.output.contains(expected), "\(expected)")
            }
            #expect(!moved.output.contains("169.254.1.1"))
            #expect(!moved.output.contains("test0"))
            #expect(moved.lines.last == "0")
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a device that is refused stays where it was`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let taken = try await outcome(
                sandbox, ["test0": LinuxNetDevice(name: "lo")], after: "ip -br link | grep -c test0@")
            #expect(
                taken.errors.contains(
                    "linux.netDevices.test0: move network device test0 into the container as lo: file exists"))
            #expect(taken.lines == ["1"])
            let missing = try await outcome(sandbox, ["nonesuch": LinuxNetDevice()])
            #expect(missing.errors.contains("linux.netDevices.nonesuch: find network device nonesuch: no such device"))
        }
    }
}

@Suite(.serialized)
struct ReadinessTests {
    /// Receives like a service manager, and prints the messages up to the barrier.
    private static let manager = """
        import socket, os, sys, array
        name = sys.argv[1].replace("@", chr(0)) if sys.argv[1][0] == "@" else sys.argv[1]
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(name); s.settimeout(60)
        open("../listens", "w").close()
        while True:
            data, control, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(16))
            for _, _, fds in control: [os.close(fd) for fd in array.array("i", fds)]
            print(data.decode().strip(), flush=True)
            if b"BARRIER" in data: break
        """
    /// Sends a container's messages from outside: the socket is on the host.
    private static let container = """
        import socket, sys, time
        for _ in range(6000):
            try:
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(sys.argv[1]); break
            except OSError: time.sleep(0.01)
        s.send(b"STATUS=warming up"); s.send(b"STATUS=there\\nREADY=1\\n")
        """

    @Test(arguments: RuntimeUnderTest.ours, ["run --detach", "create", "abstract"])
    func `a service manager is notified that the container is ready`(_ runtime: RuntimeUnderTest, way: String)
        async throws
    {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { spec in
                spec.process?.args = ["sh", "-c", "test -S $NOTIFY_SOCKET && sleep 1000"]
            }
            try sandbox.write(sandbox.directory + "/manager.py", Self.manager)
            try sandbox.write(sandbox.directory + "/container.py", Self.container)
            let name = way == "abstract" ? "@" + sandbox.id : sandbox.directory + "/manager"
            let call = "\(runtime.path) --root \(sandbox.state)"
            let begin =
                way == "create"
                ? "\(call) create \(sandbox.id) && \(call) start \(sandbox.id)" : "\(call) run --detach \(sandbox.id)"
            let outcome = try await shell(
                """
                python3 ../manager.py '\(name)' > ../heard & manager=$!
                until test -e ../listens; do sleep 0.01; done
                python3 ../container.py \(sandbox.state)/\(sandbox.id)/notify/notify.sock & 
                export NOTIFY_SOCKET='\(name)'
                { \(begin); } </dev/null >/dev/null 2>../errors; echo $?
                wait $manager; cat ../heard; cat ../errors >&2
                """, in: sandbox.bundle)
            let pid = try await sandbox.field("pid") as? Int ?? 0
            #expect(outcome.errors == "")
            #expect(outcome.lines == ["0", "READY=1", "MAINPID=\(pid)", "BARRIER=1"])
            #expect(try await sandbox.status() == "running")
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `notification does not wait for a container that has ended`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { $0.process?.args = ["true"] }
            let outcome = try await shell(
                """
                python3 -c 'import socket, time
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("../manager"); time.sleep(100)' & manager=$!
                until test -S ../manager; do sleep 0.01; done
                NOTIFY_SOCKET='\(sandbox.directory)/manager' timeout 60 \(runtime.path) --root \(sandbox.state) run --detach \
                \(sandbox.id) </dev/null >/dev/null
                status=$?; kill $manager; wait $manager 2>/dev/null; exit $status
                """, in: sandbox.bundle)
            #expect(outcome.errors == "")
            #expect(outcome.status == 0)
            #expect(try await sandbox.call("delete", sandbox.id).status == 0)
        }
    }
}
