-- Upa envelope, GPI, wake and AUTS of gba-push for Wireshark 4.0 and later (docs/wire.md has the octets).
--
-- They are found by port (preference gba_push.ports, UDP and TCP), in UDP also by their look (a wake only
-- where a trigger went before), and in a WAP push by media type. A ClientHello whose PSK identity names the RAND of a trigger is
-- linked to that trigger.
-- To filter: gba_push, gba_push.gpi.rand, gba_push.fault.short, gba_psk.b_tid, ...

local gba_push = Proto("gba_push", "GBA Push (Upa)")
local gba_psk = Proto("gba_psk", "GBA PSK identity")

local VERSION, TYPE_GPI, TYPE_WAKE, TYPE_AUTS = 1, 1, 2, 3
local MAC_OCTETS, AUTS_OCTETS = 8, 33
local HINT_OCTETS = 8
local GPI_MIN_OCTETS, GPI_FIXED_OCTETS, GPI_MAC_OCTETS = 77, 33, 16
local KIND_IPV4, KIND_IPV6, KIND_NAME = 1, 2, 3
local NAME_MAX_OCTETS = 127
local MEDIA_TYPE = "application/vnd.3gpp.gba.gpi"

local TYPES = { [TYPE_GPI] = "GPI", [TYPE_WAKE] = "wake", [TYPE_AUTS] = "AUTS" }
local METHODS = { "psk-tls", "oscore", "dm" }
local CARD_MODES = { [0] = "GBA_ME", "GBA_U" }
local KINDS = { "IPv4 address", "IPv6 address", "host name" }

local function frame(name, title, kind)
  return ProtoField.framenum(name, title, base.NONE, kind)
end

local f = {
  version = ProtoField.uint8("gba_push.version", "Version", base.DEC, nil, 0xF0),
  type = ProtoField.uint8("gba_push.type", "Type", base.DEC, TYPES, 0x0F),
  session = ProtoField.uint16("gba_push.session_id", "Session id"),
  connect_length = ProtoField.uint8("gba_push.connect.length", "Length of the connect address"),
  connect = ProtoField.bytes("gba_push.connect", "Connect address"),
  connect_kind = ProtoField.uint8("gba_push.connect.kind", "Kind", base.DEC, KINDS),
  connect_ipv4 = ProtoField.ipv4("gba_push.connect.ipv4", "IPv4 address"),
  connect_ipv6 = ProtoField.ipv6("gba_push.connect.ipv6", "IPv6 address"),
  connect_name = ProtoField.string("gba_push.connect.name", "Host name"),
  connect_port = ProtoField.uint16("gba_push.connect.port", "Port"),
  gpi_length = ProtoField.uint8("gba_push.gpi.length", "Length of the GPI"),
  gpi = ProtoField.bytes("gba_push.gpi", "GBA-PUSH-INFO"),
  gpi_version = ProtoField.uint8("gba_push.gpi.version", "Profile version", base.DEC, nil, 0xF0),
  gpi_gba_u = ProtoField.uint8("gba_push.gpi.gba_u", "Keys derived by", base.DEC, CARD_MODES, 0x08),
  gpi_method = ProtoField.uint8("gba_push.gpi.method", "Method", base.DEC, METHODS, 0x07),
  rand = ProtoField.bytes("gba_push.gpi.rand", "RAND"),
  autn = ProtoField.bytes("gba_push.gpi.autn", "AUTN"),
  autn_sqn = ProtoField.bytes("gba_push.gpi.autn.sqn_ak", "SQN xor AK"),
  autn_amf = ProtoField.bytes("gba_push.gpi.autn.amf", "AMF"),
  autn_mac = ProtoField.bytes("gba_push.gpi.autn.mac", "MAC (MAC* in GBA_U)"),
  sealed = ProtoField.bytes("gba_push.gpi.encrypted", "Encrypted"),
  lifetime = ProtoField.bytes("gba_push.gpi.encrypted.lifetime", "Lifetime, encrypted"),
  expiry = ProtoField.bytes("gba_push.gpi.encrypted.expiry", "Expiry, encrypted"),
  ua_id = ProtoField.bytes("gba_push.gpi.encrypted.ua_id", "Ua security protocol id, encrypted"),
  p_tid = ProtoField.bytes("gba_push.gpi.encrypted.p_tid", "P-TID, encrypted"),
  names = ProtoField.bytes("gba_push.gpi.encrypted.names", "Names of BSF and NAF, encrypted"),
  gpi_mac = ProtoField.bytes("gba_push.gpi.mac", "MAC of the GPI"),
  mac = ProtoField.bytes("gba_push.mac", "MAC of the envelope"),
  wake_hint = ProtoField.bytes("gba_push.wake.hint", "Hint (key and counter)"),
  wake_mac = ProtoField.bytes("gba_push.wake.mac", "MAC of the wake"),
  b_tid = ProtoField.string("gba_push.b_tid", "B-TID"),
  auts_rand = ProtoField.bytes("gba_push.auts.rand", "RAND"),
  auts = ProtoField.bytes("gba_push.auts", "AUTS"),
  auts_sqn = ProtoField.bytes("gba_push.auts.sqn_ak", "SQN_MS xor AK*"),
  auts_mac = ProtoField.bytes("gba_push.auts.mac_s", "MAC-S"),
  surplus = ProtoField.bytes("gba_push.surplus", "Octets after the end"),
  first_in = frame("gba_push.first_in", "First sent in", frametype.RETRANS_PREV),
  hello_in = frame("gba_push.hello_in", "ClientHello in", frametype.RESPONSE),
  auts_in = frame("gba_push.auts_in", "AUTS in", frametype.RESPONSE),
  trigger_in = frame("gba_push.trigger_in", "Trigger in", frametype.REQUEST),
}
gba_push.fields = f

local function fault(name, summary, severity)
  return ProtoExpert.new("gba_push.fault." .. name, summary, expert.group.MALFORMED, severity)
end

local e = {
  short = fault("short", "The octets end early", expert.severity.ERROR),
  surplus = fault("surplus", "There are octets after the end", expert.severity.ERROR),
  version = fault("version", "No such version", expert.severity.WARN),
  type = fault("type", "No such type", expert.severity.WARN),
  session = fault("session_id", "A session id is 1 to 65535", expert.severity.ERROR),
  connect = fault("connect", "Not a connect address", expert.severity.ERROR),
  gpi_length = fault("gpi_length", "A GPI has 77 to 255 octets", expert.severity.ERROR),
  gpi_version = fault("gpi_version", "No such profile of a GPI", expert.severity.WARN),
  method = fault("method", "No such method", expert.severity.WARN),
  cut = ProtoExpert.new(
    "gba_push.cut",
    "The capture holds only a part of it",
    expert.group.UNDECODED,
    expert.severity.NOTE
  ),
}
gba_push.experts = e

-- By base64(RAND): the first frame of each kind, and so who belongs to whom.
local trigger_of, hello_of, auts_of = {}, {}, {}
-- By address and port: the first frame that took a trigger there. By hint: the first frame of each wake.
local trigger_to, wake_of = {}, {}

function gba_push.init()
  trigger_of, hello_of, auts_of = {}, {}, {}
  trigger_to, wake_of = {}, {}
end

local function target_of(pinfo)
  return ("%s %d"):format(pinfo.dst, pinfo.dst_port)
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(octets)
  local digits = {}
  for i = 1, #octets, 3 do
    local a, b, c = octets:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 3, 0, -1 do
      local digit = math.floor(bits / 64 ^ place) % 64 + 1
      digits[#digits + 1] = ALPHABET:sub(digit, digit)
    end
  end
  local padding = -#octets % 3
  return table.concat(digits, "", 1, #digits - padding) .. ("="):rep(padding)
end

local function link(tree, field, number)
  if number then tree:add(field, number):set_generated() end
end

-- Reads from the left and never past the end.
local Reader = {}
Reader.__index = Reader

local function reader_of(tvb, tree)
  return setmetatable({ tvb = tvb, tree = tree, at = 0, left = tvb:len() }, Reader)
end

-- The next octets as a range; nil, and the fault in the tree, when they are not all there.
function Reader:take(length, what)
  if length > self.left then
    local missing = length - self.left
    local cut = self.tvb:reported_len() > self.tvb:len()
    local why = cut and "missing in the capture" or "missing"
    local text = ("%s: %d of %d octets %s"):format(what, missing, length, why)
    self.tree:add_proto_expert_info(cut and e.cut or e.short, text)
    return nil
  end
  local range = self.tvb:range(self.at, length)
  self.at, self.left = self.at + length, self.left - length
  return range
end

function Reader:finish(what)
  if self.left == 0 then return end
  local item = self.tree:add(f.surplus, self.tvb:range(self.at, self.left))
  item:add_proto_expert_info(e.surplus, ("%d octets after the end of %s"):format(self.left, what))
end

-- Lower case, and nothing that a resolver would take for an address.
local function is_host_name(text)
  if #text > NAME_MAX_OCTETS then return false end
  local last
  for label in (text .. "."):gmatch("([^.]*)%.") do
    local edges = label:match("^[a-z0-9]") and label:match("[a-z0-9]$")
    if not edges or #label > 63 or label:match("[^a-z0-9-]") then return false end
    last = label
  end
  return not (last:match("^%d+$") or last:match("^0x[0-9a-f]*$"))
end

local function is_mapped_ipv4(octets)
  return octets:sub(1, 12) == ("\0"):rep(10) .. "\255\255"
end

-- Gives host and port as text, and what is wrong with them.
local function add_endpoint(tree, range)
  if range:len() < 4 then return nil, "a connect address is kind, host and port" end
  local kind = range(0, 1):uint()
  local host = range(1, range:len() - 3)
  local port = range(range:len() - 2, 2)
  tree:add(f.connect_kind, range(0, 1))
  local text, rule
  if kind == KIND_IPV4 and host:len() == 4 then
    tree:add(f.connect_ipv4, host)
    text = tostring(host:ipv4())
  elseif kind == KIND_IPV6 and host:len() == 16 then
    tree:add(f.connect_ipv6, host)
    text = ("[%s]"):format(host:ipv6())
    if is_mapped_ipv4(host:raw()) then rule = "IPv4 is never mapped into IPv6" end
  elseif kind == KIND_NAME then
    tree:add(f.connect_name, host)
    text = host:raw():gsub("[^%g]", "?")
    if not is_host_name(host:raw()) then rule = "a host name is lower case and no number" end
  else
    rule = "kind 1 is 4 octets of IPv4, 2 is 16 of IPv6, 3 a host name"
  end
  tree:add(f.connect_port, port)
  if port:uint() == 0 then rule = "a port is 1 to 65535" end
  return text and ("%s:%d"):format(text, port:uint()), rule
end

local function dissect_connect(reader, none)
  local length = reader:take(1, "length of the connect address")
  if not length then return false end
  local item = reader.tree:add(f.connect_length, length)
  if length:uint() == 0 then
    item:append_text((" (%s)"):format(none))
    return true
  end
  local range = reader:take(length:uint(), "connect address")
  if not range then return false end
  local tree = reader.tree:add(f.connect, range)
  local endpoint, rule = add_endpoint(tree, range)
  if endpoint then tree:set_text("Connect address: " .. endpoint) end
  if rule then tree:add_proto_expert_info(e.connect, "Connect address: " .. rule) end
  return true, endpoint
end

local function add_autn(tree, range)
  local autn = tree:add(f.autn, range)
  autn:add(f.autn_sqn, range(0, 6))
  autn:add(f.autn_amf, range(6, 2))
  autn:add(f.autn_mac, range(8, 8))
end

-- AES-CTR keeps places, so each field is known by where it lies.
local function add_sealed(tree, range)
  local sealed = tree:add(f.sealed, range)
  sealed:add(f.lifetime, range(0, 4))
  sealed:add(f.expiry, range(4, 4))
  sealed:add(f.ua_id, range(8, 5))
  sealed:add(f.p_tid, range(13, 12))
  sealed:add(f.names, range(25))
end

-- Gives its method's name and RAND in base64; nothing when it is no GPI.
local function add_gpi(tree, range)
  local octets = range:len()
  if octets < GPI_MIN_OCTETS then
    tree:add_proto_expert_info(e.gpi_length)
    return
  end
  local header = range(0, 1)
  local version = tree:add(f.gpi_version, header)
  if header:bitfield(0, 4) ~= VERSION then
    version:add_proto_expert_info(e.gpi_version)
    return
  end
  tree:add(f.gpi_gba_u, header)
  local method = METHODS[header:bitfield(5, 3)]
  local item = tree:add(f.gpi_method, header)
  if not method then item:add_proto_expert_info(e.method) end
  local rand = base64(range(1, 16):raw())
  tree:set_text(("GBA-PUSH-INFO, profile gpi-1, %s"):format(method or "unknown method"))
  tree:add(f.rand, range(1, 16))
  local b_tid = tree:add(f.b_tid, range(1, 16), rand .. "@<BSF>")
  b_tid:set_generated():append_text(" (the BSF follows from the IMPI or is encrypted)")
  add_autn(tree, range(17, 16))
  add_sealed(tree, range(GPI_FIXED_OCTETS, octets - GPI_FIXED_OCTETS - GPI_MAC_OCTETS))
  tree:add(f.gpi_mac, range(octets - GPI_MAC_OCTETS, GPI_MAC_OCTETS))
  return method, rand
end

local function dissect_gpi(reader)
  local length = reader:take(1, "length of the GPI")
  if not length then return false end
  local item = reader.tree:add(f.gpi_length, length)
  if length:uint() == 0 then
    item:add_proto_expert_info(e.gpi_length, "The envelope holds no GPI")
    return true
  end
  local range = reader:take(length:uint(), "GPI")
  if not range then return false end
  return true, add_gpi(reader.tree:add(f.gpi, range), range)
end

local function dissect_session(reader)
  local range = reader:take(2, "session id")
  if not range then return nil end
  local item = reader.tree:add(f.session, range)
  if range:uint() == 0 then item:add_proto_expert_info(e.session) end
  return range:uint()
end

local function link_trigger(tree, rand, number)
  trigger_of[rand] = trigger_of[rand] or number
  if trigger_of[rand] ~= number then link(tree, f.first_in, trigger_of[rand]) end
  link(tree, f.hello_in, hello_of[rand])
  link(tree, f.auts_in, auts_of[rand])
end

local function dissect_envelope(reader, pinfo)
  local session = dissect_session(reader)
  if not session then return end
  local whole, endpoint = dissect_connect(reader, "the NAF at its own name, port 5684")
  if not whole then return end
  local method, rand
  whole, method, rand = dissect_gpi(reader)
  local to = endpoint and ", connect to " .. endpoint or ""
  pinfo.cols.info = ("GPI %s, session %d%s"):format(method or "(malformed)", session, to)
  local mac = whole and reader:take(MAC_OCTETS, "MAC of the envelope")
  if not mac then return end
  reader.tree:add(f.mac, mac)
  if rand then
    link_trigger(reader.tree, rand, pinfo.number)
    local target = target_of(pinfo)
    trigger_to[target] = trigger_to[target] or pinfo.number
  end
  reader:finish("the envelope")
end

-- Counter and association cannot be told: the hint names them to those who hold K_wake.
local function dissect_wake(reader, pinfo)
  local hint = reader:take(HINT_OCTETS, "hint")
  if not hint then return end
  reader.tree:add(f.wake_hint, hint)
  local whole, endpoint = dissect_connect(reader, "where the UE connected before")
  if not whole then return end
  pinfo.cols.info = "Wake" .. (endpoint and ", connect to " .. endpoint or "")
  local mac = reader:take(MAC_OCTETS, "MAC of the wake")
  if not mac then return end
  reader.tree:add(f.wake_mac, mac)
  local key = hint:raw()
  wake_of[key] = wake_of[key] or pinfo.number
  if wake_of[key] ~= pinfo.number then link(reader.tree, f.first_in, wake_of[key]) end
  reader:finish("the wake")
end

local function dissect_auts(reader, pinfo)
  local session = dissect_session(reader)
  local rand = session and reader:take(16, "RAND")
  if not rand then return end
  reader.tree:add(f.auts_rand, rand)
  local auts = reader:take(14, "AUTS")
  if not auts then return end
  local tree = reader.tree:add(f.auts, auts)
  tree:add(f.auts_sqn, auts(0, 6))
  tree:add(f.auts_mac, auts(6, 8))
  local key = base64(rand:raw())
  auts_of[key] = auts_of[key] or pinfo.number
  link(reader.tree, f.trigger_in, trigger_of[key])
  pinfo.cols.info = ("AUTS, session %d: SQN is out of step"):format(session)
  reader:finish("the AUTS message")
end

local function dissect(tvb, pinfo, tree)
  pinfo.cols.protocol = "GBA-PUSH"
  pinfo.cols.info = "Upa (malformed)"
  local root = tree:add(gba_push, tvb())
  local reader = reader_of(tvb, root)
  local header = reader:take(1, "header")
  if not header then return end
  local kind = header:bitfield(4, 4)
  local version_item = root:add(f.version, header)
  local type_item = root:add(f.type, header)
  if header:bitfield(0, 4) ~= VERSION then
    version_item:add_proto_expert_info(e.version)
  elseif kind == TYPE_GPI then
    root:append_text(", profile upa-1, envelope")
    dissect_envelope(reader, pinfo)
  elseif kind == TYPE_WAKE then
    root:append_text(", profile upa-1, wake")
    dissect_wake(reader, pinfo)
  elseif kind == TYPE_AUTS then
    root:append_text(", profile upa-1, AUTS")
    dissect_auts(reader, pinfo)
  else
    type_item:add_proto_expert_info(e.type)
  end
end

-- How many octets it says it has, nil while that cannot be told; and where its GPI begins.
local function announced_octets(tvb)
  local octets = tvb:len()
  local header = octets > 0 and tvb:range(0, 1):uint()
  if header == VERSION * 16 + TYPE_AUTS then return AUTS_OCTETS end
  if header == VERSION * 16 + TYPE_WAKE then
    local connect_at = 1 + HINT_OCTETS
    if octets <= connect_at then return nil end
    return connect_at + 1 + tvb:range(connect_at, 1):uint() + MAC_OCTETS
  end
  if header ~= VERSION * 16 + TYPE_GPI then return header and octets end
  local gpi_length_at = octets > 3 and 4 + tvb:range(3, 1):uint()
  if not gpi_length_at or gpi_length_at >= octets then return nil end
  return gpi_length_at + 1 + tvb:range(gpi_length_at, 1):uint() + MAC_OCTETS, gpi_length_at + 1
end

-- Strict, so that it claims nothing of others: exact lengths, an AUTS only after its trigger, and a wake
-- only where a trigger went before.
local function looks_like_upa(tvb, pinfo)
  local octets = tvb:len()
  if octets == 0 or announced_octets(tvb) ~= octets then return false end
  local header = tvb:range(0, 1):uint()
  if header == VERSION * 16 + TYPE_WAKE then
    return (trigger_to[target_of(pinfo)] or math.huge) < pinfo.number
  end
  if octets < AUTS_OCTETS or tvb:range(1, 2):uint() == 0 then return false end
  if header == VERSION * 16 + TYPE_AUTS then
    return trigger_of[base64(tvb:range(3, 16):raw())] ~= nil
  end
  local _, gpi_at = announced_octets(tvb)
  if not gpi_at or octets - gpi_at - MAC_OCTETS < GPI_MIN_OCTETS then return false end
  local gpi_header = tvb:range(gpi_at, 1)
  return gpi_header:bitfield(0, 4) == VERSION and METHODS[gpi_header:bitfield(5, 3)] ~= nil
end

local tcp_fin = Field.new("tcp.flags.fin")
local UNTIL_FIN = 0x0ffffffe -- DESEGMENT_UNTIL_FIN
local WSP_PUSH = 0x06

local udp_ports, tcp_ports = DissectorTable.get("udp.port"), DissectorTable.get("tcp.port")
local wsp = udp_ports:get_dissector(2948)
local within_wsp = false

-- A WAP push has its type in octet 1, which is the session id of an envelope.
local function is_wap_push(tvb)
  if not wsp or within_wsp or tvb:len() < 2 then return false end
  return tvb:range(1, 1):uint() == WSP_PUSH and announced_octets(tvb) ~= tvb:len()
end

function gba_push.dissector(tvb, pinfo, tree)
  if is_wap_push(tvb) then
    within_wsp = true
    pcall(wsp.call, wsp, tvb, pinfo, tree) -- which shows what is malformed by itself
    within_wsp = false
    return tvb:len()
  end
  if pinfo.can_desegment > 0 then
    local fin = tcp_fin()
    if (announced_octets(tvb) or math.huge) > tvb:len() and not (fin and fin.value) then
      pinfo.desegment_offset = 0
      pinfo.desegment_len = UNTIL_FIN
      return tvb:len()
    end
  end
  dissect(tvb, pinfo, tree)
  return tvb:len()
end

gba_push:register_heuristic("udp", function(tvb, pinfo, tree)
  if not looks_like_upa(tvb, pinfo) then return false end
  dissect(tvb, pinfo, tree)
  return true
end)
DissectorTable.get("media_type"):add(MEDIA_TYPE, gba_push)

gba_push.prefs.ports =
  Pref.range("Ports", "2948", "UDP and TCP ports at which UEs take triggers", 65535)
local ports = gba_push.prefs.ports

local function listen()
  udp_ports:add(ports, gba_push)
  tcp_ports:add(ports, gba_push)
end

function gba_push.prefs_changed()
  udp_ports:remove(ports, gba_push)
  tcp_ports:remove(ports, gba_push)
  if wsp then udp_ports:add(2948, wsp) end
  ports = gba_push.prefs.ports
  listen()
end

listen()

-- The other end of the thread: PSK identities in ClientHello, and in ClientKeyExchange of TLS 1.2
-- (there Wireshark 4.0 finds them with the suites of RFC 4279's plain PSK alone).
local p = {
  identity = ProtoField.string("gba_psk.identity", "PSK identity"),
  namespace = ProtoField.string("gba_psk.namespace", "Namespace"),
  b_tid = ProtoField.string("gba_psk.b_tid", "B-TID"),
  p_tid = ProtoField.string("gba_psk.p_tid", "P-TID"),
  trigger_in = frame("gba_psk.trigger_in", "Trigger in", frametype.REQUEST),
}
gba_psk.fields = p

local identities = {
  Field.new("tls.handshake.extensions.psk.identity.identity"),
  Field.new("tls.handshake.identity"),
}

local function dissect_identity(info, pinfo, tree)
  local identity = info.range:raw()
  local namespace, id = identity:match("^(3GPP%-bootstrapping[a-z-]*);([%w+/=@._-]+)$")
  if not id then return end
  local rand, bsf = id:match("^(" .. ("[%w+/]"):rep(22) .. "==)@(.+)$")
  local root = tree:add(gba_psk, info.range)
  root:append_text((", %s"):format(rand and "B-TID of " .. bsf or "P-TID"))
  root:add(p.identity, info.range, identity)
  root:add(p.namespace, info.range, namespace)
  root:add(rand and p.b_tid or p.p_tid, info.range, id)
  if rand then
    hello_of[rand] = hello_of[rand] or pinfo.number
    link(root, p.trigger_in, trigger_of[rand])
  end
end

function gba_psk.dissector(_, pinfo, tree)
  for _, identity in ipairs(identities) do
    for _, info in ipairs({ identity() }) do
      dissect_identity(info, pinfo, tree)
    end
  end
end

register_postdissector(gba_psk)
