// The plan as JSON, for programs: every decision, under names that resemble the config's.

internal import Kernel
package import OCISpec

extension ContainerPlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("id", id)
            writer.field("bundle", bundle)
            writer.field("ociVersion", ociVersion)
            writer.field("namespaces", namespaces)
            writer.field("root", root)
            writer.field("mounts", mounts)
            writer.field("mountLabel", mountLabel?.parameter.text)
            writer.field("devices", devices.nodes)
            writer.field("links", devices.links)
            writer.list("networkDevices", networkDevices)
            writer.field("resourceControl", resctrl)
            writer.field("hostname", hostname)
            writer.field("domainname", domainname)
            writer.list("sysctl", sysctls)
            writer.field("process", process)
            writer.field("hooks", hooks)
            writer.field("seccomp", seccomp)
            writer.map("annotations", annotations)
            writer.list("warnings", warnings)
        }
    }
}

extension NamespacePlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("created", created.kinds.map { $0.rawValue })
            writer.list("joined", joined)
            writer.list("uidMappings", uidMappings)
            writer.list("gidMappings", gidMappings)
            writer.list("timeOffsets", timeOffsets?.split(separator: "\n").map(String.init) ?? [])
        }
    }
}

extension NamespacePlan.Joined: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", kind.rawValue)
            writer.field("path", path)
        }
    }
}

extension RootPlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", path)
            writer.field("readonly", isReadOnly)
            writer.field("propagation", propagation?.name ?? "rslave")
            writer.field("pivot", !withoutPivot)
            writer.list("maskedPaths", maskedPaths.map { $0.path })
            writer.list("readonlyPaths", readonlyPaths.map { $0.path })
        }
    }
}

extension MountStep: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("key", key)
            writer.field("destination", destination)
            writeObject(to: &writer)
            writer.list(
                "attributes", attributes.optionNames + recursiveAttributes.optionNames.map { "r" + $0 })
            writer.list("propagation", propagation.map { $0.name })
            writer.flag("tmpcopyup", copiesUp)
            writer.flag("readonlyLast", becomesReadOnlyLast)
            writer.field("idmap", idMapping)
            writer.field("rootLabel", rootLabel)
        }
    }

    private func writeObject(to writer: inout JSONWriter) {
        switch object {
        case .filesystem(let type, let source, let parameters):
            writer.field("kind", "filesystem")
            writer.field("type", type)
            writer.field("source", source)
            writer.list("parameters", parameters.map { $0.text })
        case .bind(let source, let recursive):
            writer.field("kind", recursive ? "rbind" : "bind")
            writer.field("source", source)
        case .remount: writer.field("kind", "remount")
        case .legacyCgroup(let hierarchies):
            writer.field("kind", "cgroup")
            writer.map("directories", hierarchies.reduce(into: [:]) { $0[$1.name] = $1.directory })
        case .unifiedCgroup(let directory):
            writer.field("kind", "cgroup2")
            writer.field("source", directory)
        }
    }
}

extension MountStep.IDMapping: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("recursive", recursive)
            writer.list("uidMappings", maps?.uids ?? [])
            writer.list("gidMappings", maps?.gids ?? [])
        }
    }
}

extension DeviceStep: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", path)
            writer.field("type", kind == .character ? "c" : kind == .block ? "b" : "p")
            writer.field("major", major)
            writer.field("minor", minor)
            writer.field("fileMode", mode)
            writer.field("uid", uid)
            writer.field("gid", gid)
            writer.flag("bound", isBound)
        }
    }
}

extension DeviceLink: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", "/dev/" + name)
            writer.field("target", target)
        }
    }
}

extension Sysctl: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", "/proc/sys/" + path)
            writer.field("value", value)
        }
    }
}

extension ProcessPlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("args", arguments)
            writer.field("candidates", candidates)
            writer.field("env", environment)
            writer.flag("setsHome", needsHome)
            writer.field("cwd", workingDirectory)
            writer.flag("terminal", hasTerminal)
            writer.field("consoleRows", consoleRows)
            writer.field("consoleColumns", consoleColumns)
            writer.field("uid", uid)
            writer.field("gid", gid)
            writer.list("additionalGids", additionalGroups)
            writer.field("umask", umask)
            writer.field("capabilities", capabilities)
            writer.list("rlimits", limits)
            writer.flag("noNewPrivileges", noNewPrivileges)
            writer.field("oomScoreAdj", oomScoreAdjustment)
            writer.field("apparmorProfile", apparmorProfile)
            writer.field("selinuxLabel", selinuxLabel)
            writer.field("scheduling", scheduling)
            writer.field("landlock", landlock)
        }
    }
}

extension ProcessPlan.Capabilities: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("bounding", bounding.memberNames)
            writer.field("effective", effective.memberNames)
            writer.field("permitted", permitted.memberNames)
            writer.field("inheritable", inheritable.memberNames)
            writer.field("ambient", ambient.memberNames)
        }
    }
}

extension ProcessPlan.Limit: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", resource.name)
            writer.field("soft", soft)
            writer.field("hard", hard)
        }
    }
}

extension SchedulingPlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("attributes", attributes)
            writer.field("ioPriority", ioPriority)
            writer.field("personality", personality)
            writer.field("memoryPolicy", memoryPolicy)
            writer.field("initialAffinity", initialAffinity)
            writer.field("finalAffinity", finalAffinity)
        }
    }
}

extension SchedulingPlan.Attributes: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("policy", policy)
            writer.field("flags", flags)
            writer.field("nice", nice)
            writer.field("priority", priority)
            writer.field("runtime", runtime)
            writer.field("deadline", deadline)
            writer.field("period", period)
        }
    }
}

extension SchedulingPlan.MemoryPolicy: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mode", mode)
            writer.field("nodes", members)
        }
    }
}

extension SeccompPlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("defaultAction", Self.text(action: defaultAction))
            writer.list("architectures", architectures)
            writer.field(
                "flags", flags.map { flags in Self.knownFlags.filter { flags.contains($0.value) }.map { $0.name } })
            writer.field("rules", rules)
            writer.field("listenerPath", listenerPath)
            writer.field("listenerMetadata", listenerMetadata)
        }
    }
}

extension SeccompPlan.Rule: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("names", names)
            writer.field("action", SeccompPlan.text(action: action))
            writer.list("args", comparisons)
        }
    }
}

extension SeccompPlan.Comparison: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("index", argument)
            writer.field("op", SeccompPlan.operators.first { $0.value == operation }?.name ?? "")
            writer.field("value", first)
            writer.field("valueTwo", second)
        }
    }
}
