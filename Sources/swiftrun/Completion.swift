// Completions for shells. Each asks this program what may come next, so that they agree, know the containers below the
// --root that was typed, and are never older than the program.

internal import ContainerRuntime

extension Command {
    static let completion = Command(
        name: "completion", summary: "print a shell's completion of this command line", usage: "bash|zsh|fish",
        options: [], arguments: 1...Int.max
    ) { call throws(CommandError) in
        let words = call.options.arguments
        if words[0] == "offers" {
            try printText(CompletionOffers(Array(words.dropFirst())).text)
            return 0
        }
        guard words.count == 1 else {
            throw .usage(UsageError(message: "swiftrun: \"completion\" requires exactly 1 argument(s)"))
        }
        switch words[0] {
        case "bash": try printText(ShellCompletion.bash)
        case "zsh": try printText(ShellCompletion.zsh)
        case "fish": try printText(ShellCompletion.fish)
        case let shell:
            throw .usage(UsageError(message: "no completion for \"\(shell)\": bash, zsh and fish are known"))
        }
        return 0
    }
}

private enum ShellCompletion {
    /// bash(1), Programmable Completion.
    ///
    /// Readline ends words at = and : too (COMP_WORDBREAKS). So what has no blank between is put together again, and
    /// only that part of an offer is handed over that replaces what readline takes for the word.
    static let bash = #"""
        # bash completion for swiftrun; made by `swiftrun completion bash`
        _swiftrun() {
            local program rest=${COMP_LINE:0:COMP_POINT} stripped piece typed lead='' line i
            local -a words=() reply=()
            for ((i = 0; i <= COMP_CWORD; i++)); do
                stripped=${rest#"${rest%%[![:space:]]*}"}
                if [[ ${#words[@]} -eq 0 || $stripped != "$rest" ]]; then words+=(''); fi
                piece=${COMP_WORDS[i]}
                if [[ $i -eq $COMP_CWORD ]]; then piece=$stripped; fi
                words[${#words[@]} - 1]+=$piece
                rest=${stripped#"$piece"}
            done
            typed=${words[${#words[@]} - 1]}
            if [[ $typed == *"$2" ]]; then lead=${typed%"$2"}; fi
            words=("${words[@]//[\"\'\\]/}")
            typed=${words[${#words[@]} - 1]}
            program=$(type -P -- "$1") || program=swiftrun
            mapfile -t reply < <(command "$program" completion offers "${words[@]:1}" 2>/dev/null)
            COMPREPLY=()
            for line in "${reply[@]:2}"; do
                line=${reply[1]}${line%%$'\t'*}
                if [[ $line == "$typed"* ]]; then COMPREPLY+=("${line#"$lead"}"); fi
            done
            case ${reply[0]} in
                files) compopt -o default ;;
                directories) compopt -o dirnames ;;
            esac
        }
        complete -F _swiftrun swiftrun
        """#

    /// zshcompsys(1).
    static let zsh = #"""
        #compdef swiftrun
        # zsh completion for swiftrun; made by `swiftrun completion zsh`
        _swiftrun() {
            local program=${${(Q)words[1]}/#\~\//$HOME/} line text
            local -a reply offers
            local -i ret=1
            whence -p -- "$program" >/dev/null || program=swiftrun
            reply=("${(@f)$(command "$program" completion offers "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
            [[ -z ${reply[2]-} ]] || compset -P '*='
            for line in "${(@)reply[3,-1]}"; do
                text=${${${line%%$'\t'*}//\\/\\\\}//:/\\:}
                [[ $line != *$'\t'* ]] || text+=:${line#*$'\t'}
                offers+=("$text")
            done
            if (( $#offers )); then _describe argument offers && ret=0; fi
            case $reply[1] in
                files) _files && ret=0 ;;
                directories) _files -/ && ret=0 ;;
            esac
            return ret
        }
        if [ "$funcstack[1]" = _swiftrun ]; then
            _swiftrun "$@"
        elif (( $+functions[compdef] )); then
            compdef _swiftrun swiftrun
        else
            print -u2 'swiftrun: completion in zsh needs compinit first: autoload -Uz compinit && compinit'
        fi
        """#

    /// fish's complete(1).
    static let fish = #"""
        # fish completion for swiftrun; made by `swiftrun completion fish`
        function __swiftrun_offers
            set -l words (commandline -opc)
            set -l program $words[1]
            set -e words[1]
            command -q -- "$program"; or set program swiftrun
            set -l current (string unescape -- (commandline -ct))
            set -l reply (command $program completion offers $words "$current" 2>/dev/null)
            set -l prefix $reply[2]
            for line in $reply[3..]
                printf '%s%s\n' "$prefix" $line
            end
            set -l path (string sub --start (math (string length -- "$prefix") + 1) -- "$current")
            set -l paths
            switch "$reply[1]"
                case files
                    set paths (__fish_complete_path "$path")
                case directories
                    set paths (__fish_complete_directories "$path" '')
            end
            for path in $paths
                printf '%s%s\n' "$prefix" $path
            end
        end
        complete -c swiftrun -f -a '(__swiftrun_offers)'
        """#
}
