// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContactEscrow} from "../../src/ContactEscrow.sol";
import {Token} from "../../src/Token.sol";
import {Signing} from "./Signing.sol";

/// @dev Does whatever anybody could do to an escrow, and keeps books of its own on what must come of it. A call that
/// succeeds where the books say no, or the other way about, stops the campaign.
contract StakeHandler is Signing {
    struct Book {
        ContactEscrow.Terms terms;
        ContactEscrow.State state;
        uint64 executableAt;
        uint256 outcomes;
    }

    uint256 private constant PAYERS = 3;
    uint256 private constant NEAR = 24; // most calls are about the latest stakes: the others are mostly over

    Token public immutable token;
    ContactEscrow public immutable escrow;
    address public immutable treasury;

    Book[] private _books;
    uint256 public time;
    uint256 public held;
    uint256 public strays;
    uint256 public burned;
    uint256 public calls;
    uint256 public lastTouched;
    mapping(ContactEscrow.State state => uint256 count) public reached;
    mapping(address who => uint256 balance) public expected;
    address[] public people;

    constructor(Token token_, ContactEscrow escrow_, address treasury_) {
        token = token_;
        escrow = escrow_;
        treasury = treasury_;
        time = block.timestamp;
        for (uint256 i = 0; i < 8; ++i) {
            people.push(i < PAYERS ? vm.addr(i + 1) : address(uint160(0xFACE + i)));
        }
    }

    /// @dev Time is kept here: a warp inside a call need not outlive it.
    modifier step() {
        vm.warp(time);
        ++calls;
        _;
    }

    function stakes() external view returns (uint256) {
        return _books.length;
    }

    function book(uint256 i) external view returns (Book memory) {
        return _books[i];
    }

    // ---------------------------------------------------------------- what anybody can do

    function open(uint256 seed, uint256 way) external step {
        uint256 key = 1 + seed % PAYERS;
        ContactEscrow.Terms memory terms = _draw(seed, vm.addr(key));
        bool lawful = _lawful(terms);
        bool carried = way % 3 == 2;
        uint256 due = terms.amount + terms.fee + (carried ? terms.relayFee : 0);
        _fund(terms.payer, due);
        bool done = _submit(terms, key, way);
        vm.assertEq(done, lawful, "opens if and only if the terms keep the rules");
        if (!done) return;

        _books.push(Book(terms, ContactEscrow.State.Open, 0, 0));
        lastTouched = _books.length - 1;
        ++reached[ContactEscrow.State.Open];
        held += terms.amount + terms.fee;
        expected[terms.payer] -= due;
        if (carried) expected[terms.relayReceiver] += terms.relayFee;
    }

    /// @dev Whatever was once opened is never opened again, whichever way it is tried.
    function openAgain(uint256 pick, uint256 way) external step {
        if (_books.length == 0) return;
        ContactEscrow.Terms memory terms = _books[_pick(pick)].terms;
        uint256 key = 1;
        while (vm.addr(key) != terms.payer) ++key;
        _fund(terms.payer, terms.amount + terms.fee + terms.relayFee);
        vm.assertTrue(!_submit(terms, key, way), "an id is good once");
    }

    function returnStake(uint256 pick, uint256 caller, bool answered) external step {
        if (_books.length == 0) return;
        uint256 i = _pick(pick, answered ? ContactEscrow.State.Open : ContactEscrow.State.ForfeitAnnounced);
        Book storage b = _books[i];
        address by = _caller(b.terms, caller);
        bool announced = b.state == ContactEscrow.State.ForfeitAnnounced;
        bool lawful = announced
            ? by == b.terms.resolver || by == b.terms.guardian
            : b.state == ContactEscrow.State.Open && by == b.terms.resolver && time < b.terms.answerBy;
        if (!_try(by, abi.encodeCall(escrow.returnStake, (b.terms, answered)), lawful)) return;
        if (answered || announced) {
            expected[b.terms.returnTo] += b.terms.amount;
            expected[b.terms.feePayee] += b.terms.fee;
        } else {
            expected[b.terms.returnTo] += b.terms.amount + b.terms.fee;
        }
        _close(i, ContactEscrow.State.Returned);
    }

    function announceForfeit(uint256 pick, uint256 caller) external step {
        if (_books.length == 0) return;
        uint256 i = _pick(pick, ContactEscrow.State.Open);
        Book storage b = _books[i];
        address by = _caller(b.terms, caller);
        bool lawful = b.state == ContactEscrow.State.Open && by == b.terms.resolver && time < b.terms.answerBy;
        if (!_try(by, abi.encodeCall(escrow.announceForfeit, (b.terms)), lawful)) return;
        b.state = ContactEscrow.State.ForfeitAnnounced;
        b.executableAt = uint64(time + 48 hours);
        lastTouched = i;
        ++reached[b.state];
    }

    function executeForfeit(uint256 pick, uint256 caller) external step {
        if (_books.length == 0) return;
        uint256 i = _pick(pick, ContactEscrow.State.ForfeitAnnounced);
        Book storage b = _books[i];
        bool lawful = b.state == ContactEscrow.State.ForfeitAnnounced && time >= b.executableAt;
        if (!_try(_caller(b.terms, caller), abi.encodeCall(escrow.executeForfeit, (b.terms)), lawful)) return;
        burned += b.terms.amount;
        expected[b.terms.feePayee] += b.terms.fee;
        _close(i, ContactEscrow.State.Forfeited);
    }

    function expire(uint256 pick, uint256 caller) external step {
        if (_books.length == 0) return;
        uint256 i = _pick(pick, ContactEscrow.State.Open);
        Book storage b = _books[i];
        bool lawful = b.state == ContactEscrow.State.Open && time >= b.terms.answerBy;
        if (!_try(_caller(b.terms, caller), abi.encodeCall(escrow.expire, (b.terms)), lawful)) return;
        expected[b.terms.returnTo] += b.terms.amount + b.terms.fee;
        _close(i, ContactEscrow.State.Expired);
    }

    /// @dev Somebody in whose power a stake is tries it with one term changed to their liking.
    function tamper(uint256 pick, uint256 field, uint256 outcome, address liking, uint256 number) external step {
        if (_books.length == 0) return;
        ContactEscrow.Terms memory t = _books[_pick(pick)].terms;
        bytes memory before = abi.encode(t);
        address by = t.resolver;
        field %= 8;
        if (field == 0) t.returnTo = liking;
        if (field == 1) t.feePayee = liking;
        if (field == 2) t.amount = number;
        if (field == 3) t.fee = number;
        if (field == 4) t.answerBy = uint64(number);
        if (field == 5) (t.resolver, by) = (liking, liking);
        if (field == 6) t.guardian = liking;
        if (field == 7) t.payer = liking;
        if (keccak256(before) == keccak256(abi.encode(t)) || by == address(0)) return;
        bytes[4] memory tries = [
            abi.encodeCall(escrow.returnStake, (t, true)),
            abi.encodeCall(escrow.announceForfeit, (t)),
            abi.encodeCall(escrow.executeForfeit, (t)),
            abi.encodeCall(escrow.expire, (t))
        ];
        _try(by, tries[outcome % 4], false);
    }

    /// @dev Tokens that nobody asked for.
    function stray(uint256 value) external step {
        value = _within(value, 0, 10 ether);
        vm.prank(treasury);
        token.transfer(address(escrow), value);
        strays += value;
    }

    /// @dev Time goes by; often to the very second where something changes, or to the one before.
    function wait(uint256 pick, uint256 size) external step {
        if (_books.length == 0) return;
        Book storage b =
            _books[_pick(pick, size % 4 > 1 ? ContactEscrow.State.ForfeitAnnounced : ContactEscrow.State.Open)];
        uint256 to = time + size % 6 hours;
        if (size % 4 == 1) to = b.terms.answerBy - (size >> 8) % 2;
        if (size % 4 > 1 && b.executableAt > 0) to = b.executableAt - (size >> 8) % 2;
        if (to > time) time = to;
        vm.warp(time);
    }

    // ---------------------------------------------------------------- how it is done

    function _try(address by, bytes memory call_, bool lawful) private returns (bool done) {
        vm.prank(by);
        (done,) = address(escrow).call(call_);
        vm.assertEq(done, lawful, "the escrow does it if and only if it is lawful");
    }

    function _submit(ContactEscrow.Terms memory terms, uint256 key, uint256 way) private returns (bool done) {
        uint256 due = terms.amount + terms.fee;
        if (way % 3 == 0) {
            vm.prank(terms.payer);
            token.approve(address(escrow), due);
            vm.prank(terms.payer);
            (done,) = address(escrow).call(abi.encodeCall(escrow.open, (terms)));
        } else if (way % 3 == 1) {
            Signature memory sig = _signPermit(token, key, address(escrow), due, token.nonces(terms.payer), time);
            if (way % 2 == 0) token.permit(terms.payer, address(escrow), due, time, sig.v, sig.r, sig.s);
            vm.prank(terms.payer);
            (done,) = address(escrow).call(abi.encodeCall(escrow.openWithPermit, (terms, time, sig.v, sig.r, sig.s)));
        } else {
            Signature memory sig = _signReceive(
                token,
                key,
                Authorization(
                    terms.payer, address(escrow), due + terms.relayFee, 0, terms.quoteExpiry, escrow.stakeId(terms)
                )
            );
            vm.prank(people[way % people.length]);
            (done,) = address(escrow).call(abi.encodeCall(escrow.openWithAuthorization, (terms, sig.v, sig.r, sig.s)));
        }
    }

    function _close(uint256 i, ContactEscrow.State outcome) private {
        Book storage b = _books[i];
        b.state = outcome;
        ++b.outcomes;
        held -= b.terms.amount + b.terms.fee;
        lastTouched = i;
        ++reached[outcome];
    }

    function _fund(address who, uint256 value) private {
        vm.prank(treasury);
        token.transfer(who, value);
        expected[who] += value;
    }

    function _pick(uint256 seed) private view returns (uint256) {
        uint256 count = _books.length;
        return seed % 4 == 0 || count <= NEAR ? (seed >> 2) % count : count - 1 - (seed >> 2) % NEAR;
    }

    /// @dev Often one in that state, so that calls which should work are as many as those which should not.
    function _pick(uint256 seed, ContactEscrow.State wanted) private view returns (uint256 i) {
        i = _pick(seed);
        if ((seed >> 16) % 4 == 0) return i;
        for (uint256 steps = 0; steps < 2 * NEAR; ++steps) {
            uint256 index = (i + _books.length - steps % _books.length) % _books.length;
            if (_books[index].state == wanted) return index;
        }
    }

    function _caller(ContactEscrow.Terms memory terms, uint256 seed) private view returns (address) {
        if (seed % 3 == 0) return terms.resolver;
        if (seed % 3 == 1 && terms.guardian != address(0)) return terms.guardian;
        return people[(seed >> 8) % people.length];
    }

    function _someone(uint256 seed, string memory role) private view returns (address) {
        return people[uint256(keccak256(abi.encode(seed, role))) % people.length];
    }

    /// @dev Terms as they come: mostly lawful, sometimes off by a second or without a receiver.
    function _draw(uint256 seed, address payer) private view returns (ContactEscrow.Terms memory t) {
        uint256 chance = uint256(keccak256(abi.encode(seed, "chance")));
        uint256 span = chance % 8 == 0 ? 60 days + (chance >> 8) % 2 : (chance >> 8) % 4 days;
        t.payer = payer;
        t.returnTo = chance % 64 == 1 ? address(escrow) : _someone(seed, "returnTo");
        t.amount = (chance >> 16) % 5 == 0 ? 0 : (chance >> 32) % 100 ether;
        t.fee = (chance >> 20) % 3 == 0 ? 0 : (chance >> 112) % 10 ether;
        t.feePayee = chance % 32 == 2 ? address(0) : _someone(seed, "feePayee");
        t.relayFee = (chance >> 24) % 3 == 0 ? 0 : (chance >> 176) % 1 ether;
        t.relayReceiver = chance % 32 == 3 ? address(0) : _someone(seed, "relayReceiver");
        t.resolver = chance % 64 == 4 ? address(0) : _someone(seed, "resolver");
        t.guardian = chance % 4 == 1 ? address(0) : _someone(seed, "guardian");
        t.answerBy = uint64(time + span);
        t.quoteExpiry = uint64(time + (chance >> 240) % 1 hours);
        t.commitment = keccak256(abi.encode(seed, _books.length));
    }

    function _lawful(ContactEscrow.Terms memory t) private view returns (bool) {
        bool toSomebody = t.returnTo != address(escrow) && (t.fee == 0 || t.feePayee != address(0))
            && (t.relayFee == 0 || t.relayReceiver != address(0)) && t.resolver != address(0);
        bool inTime =
            t.answerBy > time && t.answerBy <= time + 60 days && t.quoteExpiry <= t.answerBy && t.quoteExpiry > time;
        return toSomebody && inTime && t.amount + t.fee > 0;
    }
}
