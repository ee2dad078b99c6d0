// Rootless podman, and root of a user namespace without an engine: user id 0 without rights over the host.

import Foundation
import OCISpec
import Testing

/// A user of the host with ranges of subordinate ids, in a mount namespace that hides the host's files about users.
private struct RangedUser {
    let sandbox: Sandbox
    static let number = "61234"

    init(_ sandbox: Sandbox) async throws {
        self.sandbox = sandbox
        let directory = sandbox.directory
        try sandbox.write(directory + "/subid", "tester:500000:65536\n")
        _ = try await shell(
            """
            mkdir home run
            (cat /etc/passwd; echo tester:x:\(Self.number):\(Self.number)::\(directory)/home:/bin/sh) >passwd
            (cat /etc/group; echo tester:x:\(Self.number):) >group
            tar -C bundle/rootfs -cf image.tar .
            chown -R \(Self.number):\(Self.number) home run bundle; chmod 700 run
            """, in: directory)
    }

    /// Runs a script as the user.
    func call(_ script: String) async throws -> Outcome {
        let directory = sandbox.directory
        try sandbox.write(directory + "/home/script", script)
        try sandbox.write(
            directory + "/script",
            """
            set -e
            mount --bind passwd /etc/passwd; mount --bind group /etc/group
            mount --bind subid /etc/subuid; mount --bind subid /etc/subgid
            cd home
            exec setpriv --reuid \(Self.number) --regid \(Self.number) --clear-groups env -i HOME='\(directory)/home' \
              USER=tester PATH="$PATH" XDG_RUNTIME_DIR='\(directory)/run' sh script
            """)
        return try await shell("unshare -m --propagation private sh script", in: directory)
    }
}

/// A step with podman: its arguments, and a line that it must print.
private struct Step {
    let arguments: String
    let line: String
    init(_ arguments: String, _ line: String) {
        self.arguments = arguments
        self.line = line
    }

    private static let run = "run --rm --network none"
    static let all = [
        Step("\(run) busy echo hi", "hi"),
        Step("\(run) busy sh -c 'exit 7'; echo $?", "7"),
        Step("\(run) --user 1000:1000 busy id -u", "1000"),
        Step("\(run) --userns keep-id busy id -u", RangedUser.number),
        Step("\(run) --hostname box busy hostname", "box"),
        Step("run --rm --network host busy echo hi", "hi"),
        Step("\(run) --pid host busy echo hi", "hi"),
        Step("\(run) -v \"$PWD/volume:/volume\" busy cat /volume/file", "data"),
        Step("\(run) -v \"$PWD/volume:/volume:ro\" busy touch /volume/x || echo refused", "refused"),
        Step("\(run) --read-only busy touch /x || echo refused", "refused"),
        Step("\(run) --device /dev/zero:/dev/other busy stat -c %t:%T /dev/other", "1:5"),
        Step("\(run) --privileged busy echo hi", "hi"),
        Step("\(run) --sysctl net.ipv4.ip_default_ttl=5 busy cat /proc/sys/net/ipv4/ip_default_ttl", "5"),
        Step("\(run) --security-opt no-new-privileges busy grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
        Step("\(run) busy nosuch; echo $?", "127"),
        Step("run -d --name web --network none busy sleep 1000 >/dev/null; echo $?", "0"),
        Step("exec web echo in", "in"),
        Step("exec --user 1000 web id -u", "1000"),
        Step("exec web sh -c 'exit 9'; echo $?", "9"),
        Step("exec web nosuch; echo $?", "127"),
        Step("inspect -f '{{.State.Status}}' web", "running"),
        Step("restart -t 0 web >/dev/null && podman inspect -f '{{.State.Status}}' web", "running"),
        Step("kill web >/dev/null && podman wait web", "137"),
        Step("rm -f web >/dev/null; echo $?", "0"),
    ]
}

@Suite(.serialized)
struct RootlessEngineTests {
    @Test(.enabled(if: EngineHost.missing == nil, "\(EngineHost.missing ?? "")"), arguments: RuntimeUnderTest.all)
    func `podman works for an ordinary user`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await RangedUser(sandbox)
            let steps = Step.all.enumerated().map { index, step in
                "echo '== \(index)'; podman \(step.arguments)"
            }
            let outcome = try await user.call(
                """
                exec 2>&1 </dev/null
                mkdir volume; echo data >volume/file
                program=$(command -v podman)
                podman() { "$program" --log-level=error --cgroup-manager=cgroupfs --runtime '\(runtime.path)' "$@"; }
                podman import ../image.tar busy >/dev/null
                \(steps.joined(separator: "\n"))
                podman rm -fa >/dev/null; podman unshare rm -rf .local
                kill $(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid")
                """)
            var found: [[String]] = []
            for line in outcome.lines {
                if line.hasPrefix("== ") {
                    found.append([])
                } else if !found.isEmpty {
                    found[found.count - 1].append(line)
                }
            }
            #expect(found.count == Step.all.count, "\(outcome.output)")
            for (step, lines) in zip(Step.all, found) {
                #expect(lines.contains(step.line), "podman \(step.arguments): \(lines.joined(separator: "\n"))")
            }
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `root of a user namespace is an ordinary user to the host`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await RangedUser(sandbox)
            try sandbox.configure("sleep", "1000") {
                $0.linux?.cgroupsPath = nil; $0.linux?.resources = nil
            }
            _ = try await shell("chown 61234 bundle/config.json", in: sandbox.directory)
            let outcome = try await user.call(
                """
                cd ../bundle
                exec 2>&1 </dev/null unshare --user --map-root-user --mount --propagation private sh -c '
                  runtime="\(runtime.path)"; id="\(sandbox.id)"
                  "$runtime" run --detach $id >/dev/null; echo "run $?"
                  test -e $XDG_RUNTIME_DIR/swiftrun/$id; echo "state $?"
                  "$runtime" exec $id echo inside
                  "$runtime" ps -f json $id | grep -c "^\\[[0-9]*\\]$"
                  "$runtime" events --stats $id | grep -c .
                  USER=root "$runtime" list 2>&1 | grep -c $id
                  "$runtime" delete --force $id; echo "delete $?"
                '
                """)
            #expect(
                outcome.lines.filter { !$0.contains("no cgroup, and so no statistics") }
                    == ["run 0", "state 0", "inside", "1", "0", "0", "delete 0"])
            #expect(outcome.output.contains("has no cgroup, and so no statistics"))
        }
    }
}
