package org.rservegateway.gateway.config;

import io.netty.handler.ipfilter.IpFilterRuleType;
import io.netty.handler.ipfilter.IpSubnetFilterRule;
import io.netty.util.NetUtil;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Ranges of addresses as a setting lists them: {@code [10.1.0.0/16, fd00::/8, 192.0.2.7]}; the
 * brackets may be left out. Two are equal if they were written the same.
 */
public final class AddressRanges {

  private static final int IPV4_BITS = 32;
  private static final int IPV6_BITS = 128;

  private final List<String> texts;
  private final List<IpSubnetFilterRule> rules;

  private AddressRanges(List<String> texts, List<IpSubnetFilterRule> rules) {
    this.texts = texts;
    this.rules = rules;
  }

  /**
   * Reads them.
   *
   * @throws IllegalArgumentException whose message names what is no range
   */
  static AddressRanges parse(String text) {
    List<String> texts = TextList.parse(text).texts();
    List<IpSubnetFilterRule> rules = new ArrayList<>();
    for (String range : texts) {
      rules.add(rule(range));
    }
    return new AddressRanges(texts, List.copyOf(rules));
  }

  private static IpSubnetFilterRule rule(String range) {
    int slash = range.indexOf('/');
    String address = slash < 0 ? range : range.substring(0, slash);
    int bits = NetUtil.isValidIpV4Address(address) ? IPV4_BITS : IPV6_BITS;
    try {
      int prefix = slash < 0 ? bits : Integer.parseInt(range.substring(slash + 1));
      // Only what is an address: a name would be looked up.
      if ((bits == IPV4_BITS || NetUtil.isValidIpV6Address(address))
          && prefix >= 0
          && prefix <= bits) {
        InetAddress parsed =
            InetAddress.getByAddress(NetUtil.createByteArrayFromIpAddressString(address));
        // Java makes an IPv4 address of ::ffff:10.1.0.0, whose first 96 bits say nothing.
        boolean isMapped = bits == IPV6_BITS && parsed instanceof Inet4Address;
        int own = isMapped ? prefix - (IPV6_BITS - IPV4_BITS) : prefix;
        if (own >= 0) {
          return new IpSubnetFilterRule(parsed, own, IpFilterRuleType.ACCEPT);
        }
      }
    } catch (NumberFormatException | java.net.UnknownHostException e) {
      // said below
    }
    throw new IllegalArgumentException(
        "must list addresses and ranges such as 10.1.0.0/16 or fd00::/8; \"%s\" is none"
            .formatted(range.replaceAll("\\p{Cntrl}", "?")));
  }

  /** Whether there is none. */
  public boolean isEmpty() {
    return rules.isEmpty();
  }

  /** Whether the address is in one of them. */
  public boolean contains(InetAddress address) {
    InetSocketAddress socket = new InetSocketAddress(address, 0);
    return rules.stream().anyMatch(rule -> rule.matches(socket));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof AddressRanges ranges && ranges.texts.equals(texts);
  }

  @Override
  public int hashCode() {
    return texts.hashCode();
  }

  /** As a setting lists them. */
  @Override
  public String toString() {
    return texts.stream().collect(Collectors.joining(", ", "[", "]"));
  }
}
