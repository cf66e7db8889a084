// `suanli completion`: a script for bash, zsh or fish with every command and option, made from the commands themselves.
import { Argument, type Command } from 'commander'
import { print } from '../common.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** A command by its path (`redemption request`), and what may follow it. */
interface Node {
  readonly path: string
  readonly words: readonly { readonly word: string; readonly text: string }[]
}

function nodesOf(command: Command, path: readonly string[] = []): Node[] {
  const commands = command.commands.map((one) => ({
    word: one.name(),
    text: one.summary() || one.description(),
  }))
  const options = command.options
    .filter(({ long }) => long !== undefined && long !== null)
    .map(({ long, description }) => ({ word: long!, text: description }))
  const own = { path: path.join(' '), words: [...commands, ...options] }
  return [own, ...command.commands.flatMap((one) => nodesOf(one, [...path, one.name()]))]
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The longest path of command words before the cursor, whatever options stand between; in a shell's own words. */
function bashText(nodes: readonly Node[]): string {
  const cases = nodes.map(
    ({ path, words }) => `    ${quoted(path)}) words=${quoted(words.map(({ word }) => word).join(' '))} ;;`,
  )
  return `# bash completion for suanli: source <(suanli completion bash)
_suanli_words() {
  case "$1" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
_suanli() {
  local path='' words='' word next
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    if _suanli_words "$next"; then path="$next"; fi
  done
  _suanli_words "$path"
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _suanli suanli`
}

function zshText(nodes: readonly Node[]): string {
  const entry = ({ word, text }: { word: string; text: string }): string =>
    quoted(text === '' ? word : `${word}:${text.replaceAll(':', '\\:')}`)
  const cases = nodes.map(
    ({ path, words }) => `    ${quoted(path)}) entries=(${words.map(entry).join(' ')}) ;;`,
  )
  return `#compdef suanli
# zsh completion for suanli: save as _suanli in a folder of $fpath
_suanli_entries() {
  case "$1" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
_suanli() {
  local at='' next word
  local -a entries
  for word in \${words[2,CURRENT-1]}; do
    next="\${at:+$at }$word"
    if _suanli_entries "$next"; then at="$next"; fi
  done
  _suanli_entries "$at"
  _describe 'suanli' entries || _files
}
if [[ "$funcstack[1]" = _suanli ]]; then _suanli "$@"; else compdef _suanli suanli; fi`
}

function fishText(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, words }) =>
    words.map(({ word, text }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
      return `complete -c suanli -n ${quoted(`_suanli_at ${quoted(path)}`)} ${what}${text === '' ? '' : ` -d ${quoted(text)}`}`
    }),
  )
  const paths = nodes.map(({ path }) => quoted(path)).join(' ')
  return `# fish completion for suanli: save as ~/.config/fish/completions/suanli.fish
set -g _suanli_paths ${paths}
function _suanli_at
  set -l path ''
  for word in (commandline -opc)[2..]
    set -l next (string trim -- "$path $word")
    if contains -- "$next" $_suanli_paths
      set path $next
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}`
}

/** The script of a shell, for a program that has all of its commands. */
export function completionText(program: Command, shell: (typeof SHELLS)[number]): string {
  const nodes = nodesOf(program)
  return { bash: bashText, zsh: zshText, fish: fishText }[shell](nodes)
}

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands and options: bash, zsh or fish')
    .addArgument(new Argument('<shell>', 'which shell').choices([...SHELLS]))
    .action((shell: (typeof SHELLS)[number]) => print(completionText(program, shell)))
}
