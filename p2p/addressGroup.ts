// Which addresses count as one sender: an IPv4 address, an IPv6 network of 64 bits. Owns: the grouping.

/** Processes of one machine, and whatever a proxy on it lets in: no sender of its own. */
export const LOOPBACK = 'loopback'
const IPV4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
const GROUPS = 8
const NETWORK_GROUPS = 4

/** Hex groups of an IPv6 address in full; `::` filled in. */
function ipv6Groups(host: string): readonly string[] {
  const [head = '', tail] = host.split('%')[0]!.toLowerCase().split('::')
  const split = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [front, back] = [split(head), split(tail ?? '')]
  const missing = Math.max(0, GROUPS - front.length - back.length)
  return [...front, ...Array<string>(missing).fill('0'), ...back].map((group) =>
    group.replace(/^0+(?=.)/, ''),
  )
}

/** The group of an IP address as text; any other text is its own group. */
export function addressGroup(host: string): string {
  const ipv4 = IPV4_MAPPED.exec(host)?.[1] ?? host
  if (ipv4 === '127.0.0.1' || host === '::1') return LOOPBACK
  if (!host.includes(':') || ipv4 !== host) return ipv4
  return `${ipv6Groups(host).slice(0, NETWORK_GROUPS).join(':')}::/64`
}

/** The group of a multiaddr such as `/ip4/192.0.2.1/tcp/26600`. */
export function groupOfMultiaddr(text: string): string {
  const [, network, host = ''] = text.split('/')
  return network === 'ip4' || network === 'ip6' ? addressGroup(host) : host
}
