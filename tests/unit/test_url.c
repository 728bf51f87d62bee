/* The URL rule as a table: accepted URLs and their normalized form, refused ones and their errors. */
#include "common/url.h"
#include "tests/unit/field_fixture.h"

#define A10  "aaaaaaaaaa"
#define A60  A10 A10 A10 A10 A10 A10
#define A63  A60 "aaa"
#define A250 A60 A60 A60 A60 A10

static const struct {
    const char *given, *normal; /* NULL: unchanged */
} accepted[] = {
    /* Scheme. */
    {"http://example.com/", NULL},
    {"https://example.com/", NULL},
    {"HTTP://example.com/", "http://example.com/"},
    {"HttpS://example.com/", "https://example.com/"},

    /* An empty path becomes "/". */
    {"http://example.com", "http://example.com/"},
    {"http://example.com?x", "http://example.com/?x"},
    {"http://example.com#x", "http://example.com/#x"},
    {"http://example.com?", "http://example.com/?"},
    {"http://example.com#", "http://example.com/#"},

    /* Host names. */
    {"http://EXAMPLE.com/", "http://example.com/"},
    {"http://example.com./", NULL},
    {"http://EXAMPLE.com.", "http://example.com./"},
    {"http://localhost/", NULL},
    {"http://localhost./", NULL},
    {"http://intranet/a", NULL},
    {"http://a/", NULL},
    {"http://a.b.c.d.e/", NULL},
    {"http://ab--cd.example/", NULL},
    {"http://a--b/", NULL},
    {"http://1a.example/", NULL},
    {"http://1.2.3.example/", NULL},
    {"http://1.2.3.4.example/", NULL},
    {"http://0x7f.example/", NULL},
    {"http://0xg/", NULL},
    {"http://x0/", NULL},
    {"http://" A63 ".example/", NULL},
    {"http://" A63 "." A63 "." A63 "." A60 "a/", NULL},
    {"http://" A63 "." A63 "." A63 "." A60 "a./", NULL},

    /* Unicode names. */
    {"http://bücher.example/", "http://xn--bcher-kva.example/"},
    {"http://BÜCHER.example/", "http://xn--bcher-kva.example/"},
    {"http://bu\u0308cher.example/", "http://xn--bcher-kva.example/"},
    {"http://xn--bcher-kva.example/", NULL},
    {"http://XN--BCHER-KVA.example/", "http://xn--bcher-kva.example/"},
    {"http://faß.de/", "http://xn--fa-hia.de/"},
    {"https://FAẞ.de/", "https://xn--fa-hia.de/"},
    {"http://a/ẞ\u200b", "http://a/%E1%BA%9E%E2%80%8B"},
    {"http://日本語。jp/", "http://xn--wgv71a119e.jp/"},
    {"http://日本語.jp:8080/", "http://xn--wgv71a119e.jp:8080/"},
    {"http://ab--cd.bücher/", "http://ab--cd.xn--bcher-kva/"},
    {"http://ｅｘａｍｐｌｅ.com/", "http://example.com/"},
    {"http://example．com/", "http://example.com/"},
    {"http://bücher./", "http://xn--bcher-kva./"},

    /* IPv4: four decimal numbers. */
    {"http://127.0.0.1/", NULL},
    {"http://0.0.0.0/", NULL},
    {"http://255.255.255.255/", NULL},
    {"http://192.168.1.10:8080/x", NULL},

    /* IPv6, RFC 5952. */
    {"http://[::1]/", NULL},
    {"http://[::]/", NULL},
    {"http://[1::]/", NULL},
    {"http://[2001:db8::1]/", NULL},
    {"http://[2001:DB8::1]/", "http://[2001:db8::1]/"},
    {"http://[2001:db8:0:0:0:0:0:1]/", "http://[2001:db8::1]/"},
    {"http://[2001:0db8:0000:0000:0000:0000:0000:0001]/", "http://[2001:db8::1]/"},
    {"http://[2001:db8::0:1]/", "http://[2001:db8::1]/"},
    {"http://[2001:db8:0:1:1:1:1:1]/", NULL},
    {"http://[2001:db8::1:1:1:1:1]/", "http://[2001:db8:0:1:1:1:1:1]/"},
    {"http://[2001:0:0:1:0:0:0:1]/", "http://[2001:0:0:1::1]/"},
    {"http://[2001:db8:0:0:1:0:0:1]/", "http://[2001:db8::1:0:0:1]/"},
    {"http://[0:0:0:0:0:0:0:0]/", "http://[::]/"},
    {"http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"},
    {"http://[1:0:0:0:0:0:0:0]/", "http://[1::]/"},
    {"http://[1:2:3:4:5:6:7:8]/", NULL},
    {"http://[1:2:3:4:5:6:7::]/", "http://[1:2:3:4:5:6:7:0]/"},
    {"http://[::2:3:4:5:6:7:8]/", "http://[0:2:3:4:5:6:7:8]/"},
    {"http://[1:2:3:4:5:6:0:0]/", "http://[1:2:3:4:5:6::]/"},
    {"http://[ABCD:EF01:2345:6789:ABCD:EF01:2345:6789]/", "http://[abcd:ef01:2345:6789:abcd:ef01:2345:6789]/"},
    {"http://[::ffff:192.0.2.1]/", NULL},
    {"http://[::FFFF:c000:201]/", "http://[::ffff:192.0.2.1]/"},
    {"http://[0:0:0:0:0:ffff:1.2.3.4]/", "http://[::ffff:1.2.3.4]/"},
    {"http://[64:ff9b::192.0.2.33]/", "http://[64:ff9b::c000:221]/"},
    {"http://[::1.2.3.4]/", "http://[::102:304]/"},
    {"http://[1:2:3:4:5:6:1.2.3.4]/", "http://[1:2:3:4:5:6:102:304]/"},
    {"http://[::1]:8080/", NULL},
    {"http://[::1]:80", "http://[::1]/"},
    {"http://[::1]:", "http://[::1]/"},

    /* Ports: the scheme's default, an empty one and leading zeros are removed. */
    {"http://example.com:80/", "http://example.com/"},
    {"https://example.com:443/", "https://example.com/"},
    {"http://example.com:443/", NULL},
    {"https://example.com:80/", NULL},
    {"http://example.com:/", "http://example.com/"},
    {"http://example.com:", "http://example.com/"},
    {"http://example.com:0/", NULL},
    {"http://example.com:1/", NULL},
    {"http://example.com:65535/", NULL},
    {"http://example.com:08080/", "http://example.com:8080/"},
    {"http://example.com:00080/", "http://example.com/"},
    {"http://example.com:000000000000000000081/", "http://example.com:81/"},
    {"http://example.com:8080?x", "http://example.com:8080/?x"},
    {"http://example.com:8080#x", "http://example.com:8080/#x"},

    /* Dot segments. */
    {"http://a/.", "http://a/"},
    {"http://a/..", "http://a/"},
    {"http://a/./", "http://a/"},
    {"http://a/../", "http://a/"},
    {"http://a/../..", "http://a/"},
    {"http://a/./b", "http://a/b"},
    {"http://a/../b", "http://a/b"},
    {"http://a/b/.", "http://a/b/"},
    {"http://a/b/..", "http://a/"},
    {"http://a/b/../", "http://a/"},
    {"http://a/b/../c", "http://a/c"},
    {"http://a/b/c/..", "http://a/b/"},
    {"http://a/b/c/./../../g", "http://a/g"},
    {"http://a/mid/content=5/../6", "http://a/mid/6"},
    {"http://a/b/../../../c", "http://a/c"},
    {"http://a/b/c/d/../../e", "http://a/b/e"},
    {"http://a/%2e", "http://a/"},
    {"http://a/%2E", "http://a/"},
    {"http://a/%2e/b", "http://a/b"},
    {"http://a/b/%2e%2e/c", "http://a/c"},
    {"http://a/b/.%2e/c", "http://a/c"},
    {"http://a/b/%2E./c", "http://a/c"},
    {"http://a/b/%2E%2e", "http://a/"},
    {"http://a/...", NULL},
    {"http://a/.../b", NULL},
    {"http://a/%2e%2e%2e", NULL},
    {"http://a/.b", NULL},
    {"http://a/b.", NULL},
    {"http://a/..b", NULL},
    {"http://a/b..", NULL},
    {"http://a/%2eb", NULL},
    {"http://a/%252e", NULL},
    {"http://a/.;/b", NULL},
    {"http://a?/../b", "http://a/?/../b"},
    {"http://a/#/../b", NULL},

    /* Empty segments stay. */
    {"http://a//", NULL},
    {"http://a//b", NULL},
    {"http://a/b//c", NULL},
    {"http://a///", NULL},
    {"http://a//..", "http://a/"},
    {"http://a/b//..", "http://a/b/"},
    {"http://a/b//../c", "http://a/b/c"},
    {"http://a//../b", "http://a/b"},
    {"http://a/..//b", "http://a//b"},

    /* Characters that RFC 3986 allows in path, query and fragment stay. */
    {"http://a/-._~!$&'()*+,;=:@", NULL},
    {"http://a/?-._~!$&'()*+,;=:@/?", NULL},
    {"http://a/#-._~!$&'()*+,;=:@/?", NULL},
    {"http://a/user@example.com", NULL},
    {"http://a/?q=user@example.com", NULL},
    {"http://a?user@b", "http://a/?user@b"},
    {"http://a#user@b", "http://a/#user@b"},
    {"http://a/b:c", NULL},
    {"http://a/http://b/", NULL},
    {"http://a/?u=http://b/?c=d", NULL},
    {"http://a/?", NULL},
    {"http://a/#", NULL},
    {"http://a/?#", NULL},
    {"http://a/??", NULL},
    {"http://a/b?c=d&e=f#g", NULL},
    {"http://a/b?c+d", NULL},

    /* Other characters are encoded. */
    {"http://a/b c", "http://a/b%20c"},
    {"http://a/?b c", "http://a/?b%20c"},
    {"http://a/#b c", "http://a/#b%20c"},
    {"http://a/\"<>`{}|^[]", "http://a/%22%3C%3E%60%7B%7D%7C%5E%5B%5D"},
    {"http://a/?\"<>`{}|^[]\\", "http://a/?%22%3C%3E%60%7B%7D%7C%5E%5B%5D%5C"},
    {"http://a/#\"<>`{}|^[]\\", "http://a/#%22%3C%3E%60%7B%7D%7C%5E%5B%5D%5C"},
    {"http://a/#b#c", "http://a/#b%23c"},
    {"http://a/?b?c", NULL},
    {"http://a/é", "http://a/%C3%A9"},
    {"http://a/e\u0301", "http://a/e%CC%81"},
    {"http://a/?é", "http://a/?%C3%A9"},
    {"http://a/#é", "http://a/#%C3%A9"},
    {"http://a/日本", "http://a/%E6%97%A5%E6%9C%AC"},
    {"http://a/😀", "http://a/%F0%9F%98%80"},
    {"http://a/b\u00a0c", "http://a/b%C2%A0c"},
    {"http://a/b\u200bc", "http://a/b%E2%80%8Bc"},
    {"http://a/\ufffd", "http://a/%EF%BF%BD"},
    {"http://a/\ufeff", "http://a/%EF%BB%BF"},
    {"http://a/．．/b", "http://a/%EF%BC%8E%EF%BC%8E/b"},

    /* Percent-encoding stays, in its case; a bare percent sign is encoded. */
    {"http://a/%20", NULL},
    {"http://a/%c3%a9", NULL},
    {"http://a/%C3%A9", NULL},
    {"http://a/%41", NULL},
    {"http://a/%2F", NULL},
    {"http://a/%00", NULL},
    {"http://a/%ff", NULL},
    {"http://a/%", "http://a/%25"},
    {"http://a/%%", "http://a/%25%25"},
    {"http://a/%4", "http://a/%254"},
    {"http://a/%zz", "http://a/%25zz"},
    {"http://a/%4z", "http://a/%254z"},
    {"http://a/%z4", "http://a/%25z4"},
    {"http://a/%%41", "http://a/%25%41"},
    {"http://a/%2%41", "http://a/%252%41"},
    {"http://a/%é", "http://a/%25%C3%A9"},
    {"http://a/%u0041", "http://a/%25u0041"},
    {"http://a/%25", NULL},
    {"http://a/%2525", NULL},
    {"http://a/?%", "http://a/?%25"},
    {"http://a/#%", "http://a/#%25"},
    {"http://a/?100%", "http://a/?100%25"},
    {"http://a/%/b%2", "http://a/%25/b%252"},
    {"http://a/%2/e", "http://a/%252/e"},

    /* Together. */
    {"HTTPS://Www.Bücher.EXAMPLE:443/a/./b/../ç?d=é#f g", "https://www.xn--bcher-kva.example/a/%C3%A7?d=%C3%A9#f%20g"},
    {"https://www.linkedin.com/in/ada-lovelace-1815/", NULL},
    {"https://maps.example.com/@51.5,-0.12,15z", NULL},
};

static const struct {
    const char *given, *code;
} refused[] = {
    /* Not absolute. */
    {"example.com", "url_syntax"},
    {"www.example.com/a", "url_syntax"},
    {"/a/b", "url_syntax"},
    {"//example.com/", "url_syntax"},
    {"://example.com/", "url_syntax"},
    {":80", "url_syntax"},
    {"?a", "url_syntax"},
    {"#a", "url_syntax"},
    {"http", "url_syntax"},
    {"http//example.com", "url_syntax"},
    {"1http://example.com/", "url_syntax"},
    {"+http://example.com/", "url_syntax"},
    {"ht tp://example.com/", "url_syntax"},
    {"ht_tp://example.com/", "url_syntax"},
    {"http ://example.com/", "url_syntax"},
    {"<http://example.com/>", "url_syntax"},
    {"\"http://example.com/\"", "url_syntax"},
    {"ｈttp://example.com/", "url_syntax"},
    {"\ufeffhttp://example.com/", "url_syntax"},
    {"see http://example.com/", "url_syntax"},

    /* Slashes that a browser would add or turn. */
    {"http:", "url_syntax"},
    {"http:/", "url_syntax"},
    {"http:example.com", "url_syntax"},
    {"http:/example.com/", "url_syntax"},
    {"http:\\\\example.com\\", "url_syntax"},
    {"http:/\\example.com/", "url_syntax"},
    {"http:\\/example.com/", "url_syntax"},
    {"http://example.com\\", "url_syntax"},
    {"http://example.com\\a", "url_syntax"},
    {"http://example.com/a\\b", "url_syntax"},
    {"http://example.com\\@evil.example/", "url_syntax"},
    {"http://user\\@example.com/", "url_syntax"},
    {"http://\\example.com/", "url_syntax"},

    /* Outer white space. */
    {" http://example.com/", "url_syntax"},
    {"http://example.com/ ", "url_syntax"},
    {"\u00a0http://example.com/", "url_syntax"},
    {"http://example.com/\u3000", "url_syntax"},
    {"http://example.com/\u2028", "url_syntax"},
    {" ", "url_syntax"},

    /* Ports. */
    {"http://example.com:65536/", "url_syntax"},
    {"http://example.com:99999999999999999999/", "url_syntax"},
    {"http://example.com:4294967376/", "url_syntax"},
    {"http://example.com:-1/", "url_syntax"},
    {"http://example.com:+80/", "url_syntax"},
    {"http://example.com:8a/", "url_syntax"},
    {"http://example.com:a/", "url_syntax"},
    {"http://example.com:0x50/", "url_syntax"},
    {"http://example.com: 80/", "url_syntax"},
    {"http://example.com:80 /", "url_syntax"},
    {"http://example.com:８０/", "url_syntax"},
    {"http://example.com:80:80/", "url_syntax"},
    {"http://example.com::80/", "url_syntax"},
    {"http://[::1]:x/", "url_syntax"},
    {"http://a:2:3/", "url_syntax"},

    /* Other schemes. */
    {"ftp://example.com/", "url_scheme"},
    {"ws://example.com/", "url_scheme"},
    {"file:///etc/passwd", "url_scheme"},
    {"mailto:ada@example.com", "url_scheme"},
    {"javascript:alert(1)", "url_scheme"},
    {"JavaScript://example.com/%0aalert(1)", "url_scheme"},
    {"data:text/html,x", "url_scheme"},
    {"about:blank", "url_scheme"},
    {"httpx://example.com/", "url_scheme"},
    {"htt://example.com/", "url_scheme"},
    {"https+x://example.com/", "url_scheme"},
    {"view-source:http://example.com/", "url_scheme"},
    {"blob:https://example.com/1", "url_scheme"},
    {"example.com:80", "url_scheme"},
    {"localhost:8080/a", "url_scheme"},
    {"C:\\a", "url_scheme"},

    /* Credentials. */
    {"http://user@example.com/", "url_credentials"},
    {"http://user:password@example.com/", "url_credentials"},
    {"http://:password@example.com/", "url_credentials"},
    {"http://:@example.com/", "url_credentials"},
    {"http://@example.com/", "url_credentials"},
    {"http://@/", "url_credentials"},
    {"http://example.com@/", "url_credentials"},
    {"http://a@b@example.com/", "url_credentials"},
    {"http://user%40x@example.com/", "url_credentials"},
    {"http://example.com:80@evil.example/", "url_credentials"},
    {"http://user@[::1]/", "url_credentials"},
    {"https://good.example@evil.example?x", "url_credentials"},

    /* Hosts. */
    {"http://", "url_host"},
    {"http:///", "url_host"},
    {"http:///example.com/", "url_host"},
    {"http:////example.com/", "url_host"},
    {"http://?x", "url_host"},
    {"http://#x", "url_host"},
    {"http://:80/", "url_host"},
    {"http://:/", "url_host"},
    {"http://./", "url_host"},
    {"http://../", "url_host"},
    {"http://.example.com/", "url_host"},
    {"http://example..com/", "url_host"},
    {"http://example.com../", "url_host"},
    {"http://-example.com/", "url_host"},
    {"http://example-.com/", "url_host"},
    {"http://exam_ple.com/", "url_host"},
    {"http://_/", "url_host"},
    {"http://exam ple.com/", "url_host"},
    {"http:// example.com/", "url_host"},
    {"http://example.com /", "url_host"},
    {"http://exam%70le.com/", "url_host"},
    {"http://%65xample.com/", "url_host"},
    {"http://%C3%A9.example/", "url_host"},
    {"http://example%2ecom/", "url_host"},
    {"http://example.com%00/", "url_host"},
    {"http://%/", "url_host"},
    {"http://exam!ple.com/", "url_host"},
    {"http://exam*ple.com/", "url_host"},
    {"http://(example).com/", "url_host"},
    {"http://example.com,/", "url_host"},
    {"http://example.com;/", "url_host"},
    {"http://example.com&x/", "url_host"},
    {"http://<example>.com/", "url_host"},
    {"http://{host}/", "url_host"},
    {"http://exam|ple/", "url_host"},
    {"http://exam^ple/", "url_host"},
    {"http://\"example\"/", "url_host"},
    {"http://" A63 "a.example/", "url_host"},
    {"http://" A63 "." A63 "." A63 "." A60 "aa/", "url_host"},
    {"http://" A250 "/", "url_host"},

    {"http://☃.net/", "url_host"},
    {"http://💩.la/", "url_host"},
    {"http://xn--/", "url_host"},
    {"http://xn--a/", "url_host"},
    {"http://xn--abc-/", "url_host"},
    {"http://xn--ls8h.la/", "url_host"},
    {"http://bü_cher/", "url_host"},
    {"http://a≠b/", "url_host"},
    {"http://a／b/", "url_host"},
    {"http://a＠b/", "url_host"},
    {"http://a：80/", "url_host"},
    {"http://a？b/", "url_host"},
    {"http://a％41/", "url_host"},
    {"http://a\u200bb\u00a0c/", "url_host"},
    {"http://\u00ad/", "url_host"},
    {"http://exa\u200bmple.com/", "url_host"},
    {"http://example.com\u200b", "url_host"},
    {"http://example.com\u2060:80/", "url_host"},
    {"http://\ufeffexample.com/", "url_host"},
    {"http://example\ufe0f.com./", "url_host"},
    {"http://exa%E2%80%8Bmple.com/", "url_host"},
    {"http://xn--ab-g1t.com/", "url_host"},
    {"http://example.com。/", "url_host"},
    {"http://exa\u2100mple/", "url_host"},

    /* Numbers that a browser would turn into an IPv4 address. */
    {"http://127.1/", "url_host"},
    {"http://127.0.1/", "url_host"},
    {"http://1/", "url_host"},
    {"http://0/", "url_host"},
    {"http://2130706433/", "url_host"},
    {"http://0x7f000001/", "url_host"},
    {"http://0X7F.1/", "url_host"},
    {"http://0x7f.1/", "url_host"},
    {"http://0x/", "url_host"},
    {"http://a.0x/", "url_host"},
    {"http://a.0x1f/", "url_host"},
    {"http://0177.0.0.1/", "url_host"},
    {"http://127.0.0.01/", "url_host"},
    {"http://192.168.010.1/", "url_host"},
    {"http://256.0.0.1/", "url_host"},
    {"http://1.2.3.256/", "url_host"},
    {"http://999.1/", "url_host"},
    {"http://1.2.3.4.5/", "url_host"},
    {"http://1.2.3/", "url_host"},
    {"http://1.2.3.4./", "url_host"},
    {"http://1.2.3./", "url_host"},
    {"http://1..2.3/", "url_host"},
    {"http://example.1/", "url_host"},
    {"http://example.09/", "url_host"},
    {"http://１２７.0.0.1/", "url_host"},
    {"http://127。0。0。1/", "url_host"},
    {"http://①②⑦.0.0.1/", "url_host"},
    {"http://example.１/", "url_host"},

    /* IPv6. */
    {"http://[]/", "url_host"},
    {"http://[/", "url_host"},
    {"http://]/", "url_host"},
    {"http://[::1/", "url_host"},
    {"http://::1/", "url_host"},
    {"http://::1]/", "url_host"},
    {"http://[::1]x/", "url_host"},
    {"http://x[::1]/", "url_host"},
    {"http://[[::1]]/", "url_host"},
    {"http://[::1%25eth0]/", "url_host"},
    {"http://[::1%eth0]/", "url_host"},
    {"http://[fe80::1%1]/", "url_host"},
    {"http://[:]/", "url_host"},
    {"http://[:::]/", "url_host"},
    {"http://[1]/", "url_host"},
    {"http://[1:2]/", "url_host"},
    {"http://[1:2:3:4:5:6:7]/", "url_host"},
    {"http://[1:2:3:4:5:6:7:]/", "url_host"},
    {"http://[:2:3:4:5:6:7:8]/", "url_host"},
    {"http://[1:2:3:4:5:6:7:8:9]/", "url_host"},
    {"http://[1:2:3:4:5:6:7:8::]/", "url_host"},
    {"http://[1:2:3:4::5:6:7:8]/", "url_host"},
    {"http://[::1::2]/", "url_host"},
    {"http://[1:::2]/", "url_host"},
    {"http://[12345::]/", "url_host"},
    {"http://[::00001]/", "url_host"},
    {"http://[::g]/", "url_host"},
    {"http://[:: 1]/", "url_host"},
    {"http://[ ::1]/", "url_host"},
    {"http://[::1.2.3]/", "url_host"},
    {"http://[::1.2.3.4.5]/", "url_host"},
    {"http://[::1.2.3.256]/", "url_host"},
    {"http://[::01.2.3.4]/", "url_host"},
    {"http://[1.2.3.4::]/", "url_host"},
    {"http://[::1.2.3.4:1]/", "url_host"},
    {"http://[1:2:3:4:5:6:7:1.2.3.4]/", "url_host"},
    {"http://[1.2.3.4]/", "url_host"},
    {"http://[v1.x]/", "url_host"},
    {"http://[::１]/", "url_host"},

    /* Controls, TAB and line ends among them. */
    {"http://exam\tple.com/", "control_character"},
    {"http://example.com/a\nb", "control_character"},
    {"http://example.com/a\rb", "control_character"},
    {"ht\ntp://example.com/", "control_character"},
    {"java\nscript:alert(1)", "control_character"},
    {"\thttp://example.com/", "control_character"},
    {"http://example.com/\n", "control_character"},
    {"http://example.com/\001", "control_character"},
    {"http://example.com/\177", "control_character"},
    {"http://example.com/\302\205", "control_character"},
    {"http://example.com/\302\200", "control_character"},
};

static struct field_fixture field_fixture;

static void open_trial(void)
{
    field_fixture_open(&field_fixture, "url");
}

static void close_trial(void)
{
    field_fixture_close(&field_fixture);
}

START_TEST(every_accepted_url_has_one_form)
{
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        const char *given = accepted[i].given, *normal = accepted[i].normal ? accepted[i].normal : given;
        const char *outcome = field_fixture_string(&field_fixture, span_of_text(given));
        ck_assert_msg(strcmp(outcome, normal) == 0, "\"%s\" gives %s, not %s", given, outcome, normal);
        outcome = field_fixture_string(&field_fixture, span_of_text(normal));
        ck_assert_msg(strcmp(outcome, normal) == 0, "twice is not once: \"%s\" gives %s", normal, outcome);
    }
}
END_TEST

START_TEST(every_refused_url_has_its_code)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *outcome = field_fixture_string(&field_fixture, span_of_text(refused[i].given));
        ck_assert_msg(!field_fixture_accepted(&field_fixture) && strcmp(outcome, refused[i].code) == 0,
                      "\"%s\" gives %s, not %s", refused[i].given, outcome, refused[i].code);
    }
}
END_TEST

/* For any text, an accepted URL has the promised form and normalization is idempotent. */
START_TEST(mutations_keep_the_promises)
{
    static const char *const pieces[] = {
        "/", ".",      "..",     "/./",    "/../", "%",        "%2e", "%2E%2E",  "%4",  "\\", "@",
        ":", ":80",    "?",      "#",      "[",    "]",        "::",  "0",       "1.2", "0x", "a",
        "Z", "-",      "xn--",   " ",      "\t",   "é",        "Ü",   "e\u0301", "日",  "。", "．",
        "א", "\u00ad", "\u200d", "\u2260", "😀",    "\302\205", "\"",  "|",       "%c3", "//"};
    uint64_t seed = 6;
    char mutation[1024];
    static char once[URL_BYTES + 1];
    unsigned taken = 0;
    for (unsigned round = 0; round < 60; round++)
        for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
            const size_t length = field_fixture_mutate(accepted[i].given, pieces, sizeof(pieces) / sizeof(pieces[0]),
                                                       &seed, mutation, sizeof(mutation));
            const char *outcome = field_fixture_string(&field_fixture, span_of(mutation, length));
            if (!field_fixture_accepted(&field_fixture))
                continue;
            taken++;
            strcpy(once, outcome);
            ck_assert_msg(strncmp(once, "http://", 7) == 0 || strncmp(once, "https://", 8) == 0, "\"%s\" gives %s",
                          mutation, once);
            const char *authority = strstr(once, "://") + 3, *path = strchr(authority, '/');
            ck_assert_msg(path && path > authority && !memchr(authority, '@', (size_t)(path - authority)),
                          "\"%s\" gives %s", mutation, once);
            for (const char *at = once; *at; at++)
                ck_assert_msg(*at > ' ' && *at < 0x7f && !strchr("\"<>\\^`{|}", *at) &&
                                  (at < path || (*at != '[' && *at != ']')),
                              "\"%s\" gives %s", mutation, once);
            for (const char *at = strchr(once, '%'); at; at = strchr(at + 1, '%'))
                ck_assert_msg(at > path && strspn(at + 1, "0123456789abcdefABCDEF") >= 2, "\"%s\" gives %s", mutation,
                              once);
            outcome = field_fixture_string(&field_fixture, span_of_text(once));
            ck_assert_msg(strcmp(outcome, once) == 0, "\"%s\" gives %s, that gives %s", mutation, once, outcome);
        }
    ck_assert_uint_gt(taken, 3000);
}
END_TEST

START_TEST(only_strings_are_urls)
{
    static const char *const values[] = {"1", "false", "{}", "[\"http://example.com/\"]"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        ck_assert_str_eq(field_fixture_json(&field_fixture, span_of_text(values[i])), "type_mismatch");
}
END_TEST

START_TEST(escapes_in_json_are_the_characters_they_mean)
{
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"http:\\/\\/example.com\\/\"")),
                     "\"http://example.com/\"");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"http://b\\u00fccher.example/\"")),
                     "\"http://xn--bcher-kva.example/\"");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"http://a/\\ud83d\\ude00\"")),
                     "\"http://a/%F0%9F%98%80\"");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"http://a/\\u0000\"")), "control_character");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"http://a\\u0000.b\\u00fccher/\"")),
                     "control_character");
}
END_TEST

/* The limit is for the output, not the input. */
START_TEST(lengths_count_after_normalization)
{
    static char text[3 * URL_INPUT_BYTES];
    struct span url = span_of(text, URL_BYTES);
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://a/", 9);
    field_fixture_string(&field_fixture, url);
    ck_assert(field_fixture_accepted(&field_fixture));
    url.length++;
    ck_assert_str_eq(field_fixture_string(&field_fixture, url), "too_long");

    memcpy(text, "http://a:80/", 12);
    url.length = URL_BYTES + 3;
    ck_assert_uint_eq(strlen(field_fixture_string(&field_fixture, url)), URL_BYTES);
    ck_assert(field_fixture_accepted(&field_fixture));
    url.length++;
    ck_assert_str_eq(field_fixture_string(&field_fixture, url), "too_long");

    memcpy(text, "http://a/ ", 10);
    url.length = URL_BYTES - 2;
    ck_assert_uint_eq(strlen(field_fixture_string(&field_fixture, url)), URL_BYTES);
    url.length++;
    ck_assert_str_eq(field_fixture_string(&field_fixture, url), "too_long");

    memset(text, '%', sizeof(text));
    memcpy(text, "http://a/", 9);
    ck_assert_str_eq(field_fixture_string(&field_fixture, span_of(text, URL_INPUT_BYTES)), "too_long");
    ck_assert_str_eq(field_fixture_string(&field_fixture, span_of(text, URL_INPUT_BYTES + 1)), "too_long");
    for (size_t i = 9; i + 2 <= URL_INPUT_BYTES; i += 2)
        memcpy(text + i, "./", 2);
    ck_assert_str_eq(field_fixture_string(&field_fixture, span_of(text, URL_INPUT_BYTES - 1)), "http://a/");
}
END_TEST

static void expect_message(const char *message)
{
    const struct span found = field_fixture.item.violations->message;
    ck_assert_msg(span_equal(found, span_of_text(message)), "%.*s", SPAN_FORMAT(found));
}

/* A message does not say that a URL is longer than it is. */
START_TEST(message_tells_which_length_counts)
{
    static char text[2 * URL_INPUT_BYTES];
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://a/", 9);
    field_fixture_string(&field_fixture, span_of(text, URL_BYTES + 1));
    expect_message("is longer than 2048 bytes once normalized, must have at most that");
    for (size_t i = 9; i + 2 <= sizeof(text); i += 2)
        memcpy(text + i, "./", 2);
    field_fixture_string(&field_fixture, span_of(text, URL_INPUT_BYTES + 1));
    expect_message("has 8193 bytes, must have at most 8192, and 2048 once normalized");
}
END_TEST

START_TEST(the_rules_of_a_field_hold)
{
    field_fixture.field.rules =
        (struct rules){.has_min_length = true, .min_length = 12, .has_max_length = true, .max_length = 14};
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("http://a/b")), "too_short");
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("http://a.b/")), "too_short");
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("http://a.bc")), "http://a.bc/");
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("http://a/é")), "too_long");
    field_fixture.field.rules = (struct rules){.required = true};
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN(" ")), "required");
}
END_TEST

/* An unchanged URL takes no memory: the result is the input span. */
START_TEST(a_normal_url_is_returned_as_it_is)
{
    const struct span url = SPAN("https://example.com/a/b?c#d");
    struct span normal;
    struct url_fault fault;
    ck_assert(url_normalize(url, &field_fixture.arena, &normal, &fault));
    ck_assert_ptr_eq(normal.at, url.at);
    ck_assert_uint_eq(normal.length, url.length);
    ck_assert_uint_eq(field_fixture.arena.used, 0);
}
END_TEST

int main(void)
{
    TCase *rules = tcase_create("url");
    tcase_add_checked_fixture(rules, open_trial, close_trial);
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, every_accepted_url_has_one_form);
    tcase_add_test(rules, every_refused_url_has_its_code);
    tcase_add_test(rules, mutations_keep_the_promises);
    tcase_add_test(rules, only_strings_are_urls);
    tcase_add_test(rules, escapes_in_json_are_the_characters_they_mean);
    tcase_add_test(rules, lengths_count_after_normalization);
    tcase_add_test(rules, message_tells_which_length_counts);
    tcase_add_test(rules, the_rules_of_a_field_hold);
    tcase_add_test(rules, a_normal_url_is_returned_as_it_is);
    return field_fixture_run(rules, "url");
}
