// The container's changes of its mounts must not reach the host: every propagation of the root, on all kinds of
// hosts.

import Foundation
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct PropagationTests {
    /// The propagation of mounts in the throw-away namespace that serves as the host.
    static let hosts = ["private", "shared", "slave"]
    /// The mount of the rootfs: the mount of "/", one of its own, one with another mount in it, one far above it.
    static let places = ["root", "own-shared", "own-private", "tmpfs", "holding", "below"]
    static let values = [
        "none", "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable",
    ]
    /// Runs to its end; is created and deleted; fails at the first mount, at the last, at a hook, after all mounts.
    static let actions = ["show", "sleep", "first", "last", "hook", "program"]

    /// Compares the host's mounts before, during and after each container, and prints the differences.
    ///
    /// For a slave, the master is compared too. Arguments: runtime, directory, host, place.
    private static let script = """
        runtime=$1 dir=$2 host=$3 place=$4 master=${5:-self}
        cd "$dir/bundle"
        if [ "$host" = slave ] && [ $master = self ]; then
            mount --make-rshared /
            unshare -m --propagation slave sh "$dir/script" "$1" "$2" "$3" "$4" $$
            exit
        fi
        mount -t tmpfs tmpfs "$dir/volume"
        mkdir "$dir/volume/below" "$dir/volume/locked" "$dir/volume/secret"
        mount -t tmpfs tmpfs "$dir/volume/below"
        [ "$host" != shared ] || mount --make-rshared /
        case $place in
        own-*) mount --bind rootfs rootfs && mount --make-${place#own-} rootfs ;;
        tmpfs) mkdir ../copy && cp -a rootfs/. ../copy && mount -t tmpfs tmpfs rootfs && cp -a ../copy/. rootfs ;;
        holding) mkdir rootfs/sub && mount -t tmpfs tmpfs rootfs/sub ;;
        below) mount --bind "$dir" "$dir" && cd "$dir/bundle" ;;
        esac
        take() { while read -r line; do echo "$line"; done <"/proc/self/mountinfo" && cat "/proc/$master/mountinfo"; }
        take >"$dir/before"
        same() {
            take >"$dir/now"
            cmp -s "$dir/before" "$dir/now" && return
            echo "$value $mode $action: mounts of the host $1:"
            diff "$dir/before" "$dir/now" | grep '^[<>]' | head -3
            exit 1
        }
        call() { "$runtime" --root "$dir/state" "$@" c$$ >"$dir/out" 2>"$dir/errors" </dev/null; }
        said() { echo "$value $mode $action: $1: $(grep level=error "$dir/errors")"; }
        hold() {
            rm -f "$dir/ready"
            unshare -m --propagation unchanged sh -c ": >'$dir/ready'; exec sleep 1000" &
            holder=$!
            until [ -e "$dir/ready" ]; do :; done
            ln -sfn /proc/$holder/ns/mnt "$dir/joined"
        }
        # With no namespace the container's mounts are the host's until it is gone; and where the end of those would be
        # the end of the rootfs too, it is refused.
        try() {
            file=$value-$mode-$action.json options=
            case $mode in
            pivotless) options=--no-pivot file=$value-new-$action.json ;;
            joined) hold ;;
            absent) [ $host-$place = shared-own-shared ] && action=refused file=none-absent-show.json ;;
            esac
            case $action in
            show)
                call run $options -f $file || said run
                echo "$value $mode: $(cat "$dir/out")" >>"$dir/inside" ;;
            sleep)
                call create $options -f $file || said create
                [ $mode = absent ] || same during
                call start || said start
                [ $mode = absent ] || same during
                call delete -f || said delete ;;
            *) call run $options -f $file && echo "$value $mode $action: did not fail" ;;
            esac
            [ $mode != joined ] || { kill $holder; wait $holder 2>/dev/null; }
            same after
        }
        for value in \(values.joined(separator: " ")); do
            for mode in new joined pivotless absent; do
                [ $mode != absent ] || [ $value = none ] || continue
                turn=$((turn % 4 + 1))
                for action in show sleep $(echo first last hook program | cut -d' ' -f$turn); do try; done
            done
        done
        """

    /// A shared volume of the host, with a mount in it, and with protected paths in it.
    private func configure(_ sandbox: Sandbox, _ value: String, _ mode: String, _ action: String) throws {
        let volume = sandbox.directory + "/volume"
        try sandbox.configure { spec in
            spec.root?.readonly = false
            let show = #"s#^[^ ]* [^ ]* [^ ]* [^ ]* / [^ ]* \([^-]*\)-.*#\1#p"#
            switch action {
            case "show": spec.process?.args = ["/bin/sed", "-n", show, "/proc/self/mountinfo"]
            case "program": spec.process?.args = ["/none"]
            default: spec.process?.args = ["/bin/sleep", "1000"]
            }
            spec.mounts.append(Mount(destination: "/volume", type: "bind", source: volume, options: ["rbind"]))
            spec.mounts.append(
                Mount(destination: "/shared", type: "bind", source: volume, options: ["rbind", "rshared"]))
            switch action {
            case "first": spec.mounts.insert(Mount(destination: "/x", type: "bind", source: "/none"), at: 0)
            case "last": spec.mounts.append(Mount(destination: "/x", type: "tmpfs", options: ["fluffy"]))
            case "hook": spec.hooks = Hooks(createContainer: [Hook(path: "/bin/false")])
            default: break
            }
            spec.linux?.rootfsPropagation = value == "none" ? nil : value
            spec.linux?.maskedPaths.append("/volume/secret")
            spec.linux?.readonlyPaths.append("/volume/locked")
            spec.linux?.namespaces.removeAll { $0.type == "mount" }
            switch mode {
            case "absent":
                spec.linux?.maskedPaths = []
                spec.linux?.readonlyPaths = []
            case "joined":
                spec.linux?.namespaces.append(LinuxNamespace(type: "mount", path: sandbox.directory + "/joined"))
            default: spec.linux?.namespaces.append(LinuxNamespace(type: "mount"))
            }
        }
        let place = "\(sandbox.bundle)/\(value)-\(mode)-\(action).json"
        try FileManager.default.moveItem(atPath: sandbox.bundle + "/config.json", toPath: place)
    }

    /// The expected propagation of "/" in the container, without the numbers of peer groups.
    private func wanted(_ value: String, _ mode: String, _ host: String, _ place: String) -> String {
        switch value {
        case "shared", "rshared": return "shared:"
        case "unbindable", "runbindable": return "unbindable"
        case "private", "rprivate": return ""
        default:
            // A mount on a slave mount is private, unless it belongs to it.
            let alone = ["private": ["own-shared"], "shared": Self.places.filter { $0 != "own-private" }]
            let receiving = alone[host] ?? Self.places.filter { $0 != "own-private" && $0 != "tmpfs" }
            return mode != "absent" && receiving.contains(place) ? "master:" : ""
        }
    }

    @Test(arguments: hosts, places)
    func `the host's mounts do not change`(host: String, place: String) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let directory = sandbox.directory
            try FileManager.default.createDirectory(atPath: directory + "/volume", withIntermediateDirectories: true)
            try sandbox.write(directory + "/script", Self.script)
            try sandbox.write(directory + "/inside", "")
            for value in Self.values {
                for mode in ["new", "joined"] + (value == "none" ? ["absent"] : []) {
                    for action in Self.actions { try configure(sandbox, value, mode, action) }
                }
            }
            let words = [directory + "/script", sandbox.runtime.path, directory, host, place]
            let outcome = try await execute(
                "/usr/bin/unshare", ["-m", "--propagation", "private", "sh"] + words)
            #expect(outcome == Outcome(status: 0, output: "", errors: ""))
            let inside = try String(contentsOfFile: directory + "/inside", encoding: .utf8)
            for line in inside.split(separator: "\n") {
                let words = line.filter { !$0.isNumber }.split { $0 == " " || $0 == ":" }.map(String.init)
                try #require(words.count > 1, "\(line)")
                let (value, mode) = (words[0], words[1])
                let found = line.filter { !$0.isNumber }.dropFirst("\(value) \(mode):".count)
                #expect(
                    found.trimmingCharacters(in: .whitespaces) == wanted(value, mode, host, place), "\(line)")
            }
            let refused = host == "shared" && place == "own-shared"
            #expect(inside.split(separator: "\n").count == 27 + (refused ? 0 : 1))
        }
    }

    @Test func `the mount namespace of the host cannot be joined by path`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try configure(sandbox, "none", "joined", "show")
            // The runtime's own root would be replaced.
            try sandbox.write(
                sandbox.directory + "/script",
                """
                ln -s /proc/$$/ns/mnt ../joined
                cat /proc/self/mountinfo >../before
                '\(sandbox.runtime.path)' --root '\(sandbox.state)' run -f none-joined-show.json \(sandbox.id)
                echo $?
                cat /proc/self/mountinfo | cmp - ../before
                """)
            let outcome = try await shell(
                "exec unshare -m --propagation private sh ../script", in: sandbox.bundle)
            #expect(outcome.output == "1\n")
            #expect(outcome.errors.contains("the container's root would be the host's"), "\(outcome.errors)")
        }
    }
}
