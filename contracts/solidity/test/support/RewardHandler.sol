// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardDistributor} from "../../src/RewardDistributor.sol";
import {Token} from "../../src/Token.sol";
import {Test} from "./Test.sol";
import {Trees} from "./Trees.sol";

/// @dev Proposes right and wrong roots, lets them count or not, and claims whatever anybody could claim; and keeps books
/// of its own on what must come of it. A call that succeeds where the books say no, or the other way about, stops the
/// campaign. Whoever runs the epochs keeps one rule: after a wrong root that counts, the next one passes it over.
contract RewardHandler is Test {
    uint256 private constant PAYEES = 4;
    uint256 private constant MAX_BUDGET = 1_000 ether;
    address private constant PROPOSER = address(0xB055);
    address private constant GUARDIAN = address(0x9A4D);
    address private constant TREASURY = address(0x7EA5);

    /// @dev A list: who is due how much in all. The thief is the last, and on wrong lists alone.
    struct List {
        uint256[PAYEES + 1] due;
        uint256 budget;
        bool wrong;
    }

    Token public immutable token;
    RewardDistributor public immutable distributor;
    address[PAYEES + 1] public people;

    List[] private _lists; // all that were ever proposed
    uint256[PAYEES] private _right; // what is due by the right lists that counted
    uint256 private _waiting; // the list that waits, by its number + 1
    uint256 private _newest; // the list that counts
    uint256 private _earlier; // the one before
    uint64 private _countsFrom;
    uint256 private _since;

    uint256[PAYEES + 1] public had;
    uint256 public paid;
    uint256 public funded;
    uint256 public strays;
    uint256 public lost; // what wrong lists may have cost: the budgets of those that counted
    uint256 public epochs;
    uint256 public wrongs;
    uint256 public cancelled;
    uint256 public joined;
    uint256 public claims;

    constructor(Token token_) {
        token = token_;
        distributor = new RewardDistributor(token_, TREASURY, PROPOSER, GUARDIAN, MAX_BUDGET);
        for (uint256 i = 0; i <= PAYEES; ++i) {
            people[i] = address(uint160(0xFACE + i));
        }
    }

    // ---------------------------------------------------------------- epochs

    function propose(uint256 seed, uint256 budget, bool wrong) external {
        budget = _within(budget, 0, MAX_BUDGET + MAX_BUDGET / 16);
        List memory list;
        list.budget = budget;
        list.wrong = wrong && seed % 2 == 0;
        uint256 spread = budget;
        for (uint256 i = 0; i < PAYEES; ++i) {
            uint256 share = i == PAYEES - 1 ? spread : uint256(keccak256(abi.encode(seed, i))) % (spread + 1);
            spread -= share;
            list.due[i] = _right[i] + share;
        }
        if (list.wrong) {
            list.due[PAYEES] = had[PAYEES] + (seed >> 8) % (2 * MAX_BUDGET); // what the thief would like
            for (uint256 i = 0; i < PAYEES; ++i) {
                if ((seed >> (16 + i)) % 2 == 0) {
                    list.due[i] = uint256(keccak256(abi.encode(seed, i))) % (3 * MAX_BUDGET);
                }
            }
        }
        bytes32 root = Trees.root(_leaves(list));
        bool replaces = _newest != 0 && _lists[_newest - 1].wrong;
        uint64 number = distributor.epoch() + 1;
        bool lawful = _waiting == 0 && budget > 0 && budget <= MAX_BUDGET && root != distributor.root()
            && root != distributor.earlierRoot();
        bytes memory call_ = abi.encodeCall(distributor.propose, (number, root, budget, replaces));
        vm.assertTrue(!_raw(people[seed % 5], call_), "nobody else proposes");
        if (!_try(PROPOSER, call_, lawful)) return;
        _lists.push(list);
        _waiting = _lists.length;
        _countsFrom = uint64(_now() + 72 hours);
    }

    function cancel(uint256 who) external {
        if (who % 4 != 0) return; // more often it may count
        bytes32 root = _waiting == 0 ? keccak256("none") : Trees.root(_leaves(_lists[_waiting - 1]));
        address by = [GUARDIAN, PROPOSER, TREASURY, people[0]][(who >> 8) % 4];
        bool lawful = _waiting != 0 && (who >> 8) % 4 < 2;
        if (!_try(by, abi.encodeCall(distributor.cancel, (root)), lawful)) return;
        _waiting = 0;
        ++cancelled;
    }

    function accept(uint256 who) external {
        bytes32 root = _waiting == 0 ? keccak256("none") : Trees.root(_leaves(_lists[_waiting - 1]));
        bool lawful = _waiting != 0 && _now() >= _countsFrom;
        if (!_try(people[who % 5], abi.encodeCall(distributor.accept, (root)), lawful)) return;
        List storage list = _lists[_waiting - 1];
        if (_newest == 0 || !_lists[_newest - 1].wrong) _earlier = _newest;
        _newest = _waiting;
        _waiting = 0;
        _since = _now();
        funded += list.budget;
        ++epochs;
        if (list.wrong) {
            lost += list.budget;
            ++wrongs;
            return;
        }
        for (uint256 i = 0; i < PAYEES; ++i) {
            _right[i] = list.due[i];
        }
    }

    /// @dev Only while the newest list is a right one: half a year is enough to see that one is wrong.
    function joinEarlier(uint256 who) external {
        if (_newest == 0 || _lists[_newest - 1].wrong) return;
        bool lawful = _now() >= _since + 180 days;
        if (!_try(people[who % 5], abi.encodeCall(distributor.joinEarlier, ()), lawful)) return;
        _earlier = 0;
        ++joined;
    }

    // ---------------------------------------------------------------- claims

    /// @dev By any list that was ever proposed, mostly the two that count.
    function claim(uint256 seed, uint256 which) external {
        if (_lists.length == 0) return;
        uint256 number = which % 8 < 5 ? _newest : which % 8 < 7 ? _earlier : 1 + (which >> 8) % _lists.length;
        if (number == 0) return;
        List memory list = _lists[number - 1];
        uint256 who = seed % (PAYEES + 1);
        bytes32[] memory leaves = _leaves(list);
        uint256 asked = list.due[who] + ((seed >> 8) % 16 == 0 ? 1 : 0);
        bytes32 root = Trees.root(leaves);
        bool counts = root == distributor.root() || root == distributor.earlierRoot();
        uint256 there = root == distributor.root() ? distributor.left() : distributor.earlierLeft();
        bool lawful = counts && asked == list.due[who] && asked > had[who] && asked - had[who] <= there;
        bytes memory call_ = abi.encodeCall(distributor.claim, (people[who], asked, root, Trees.proof(leaves, who)));
        if (!_try(people[(seed >> 16) % 5], call_, lawful)) return;
        paid += asked - had[who];
        had[who] = asked;
        ++claims;
        vm.assertTrue(!_raw(people[who], call_), "nothing is paid twice");
    }

    function stray(uint256 amount) external {
        amount = _within(amount, 0, 10 ether);
        token.transfer(address(distributor), amount);
        strays += amount;
    }

    function wait(uint256 size) external {
        uint256 to = _now() + size % 4 days;
        if (size % 8 == 0 && _waiting != 0) to = _countsFrom - (size >> 8) % 2;
        if (size % 64 == 1) to = _since + 180 days - (size >> 8) % 2;
        if (to > _now()) vm.warp(to);
    }

    // ---------------------------------------------------------------- what must be true

    /// @dev What right lists gave and nobody has had yet, and what there is for it.
    function due() external view returns (uint256 sum, uint256 there) {
        for (uint256 i = 0; i < PAYEES; ++i) {
            if (_right[i] > had[i]) sum += _right[i] - had[i];
        }
        bool wrong = _newest != 0 && _lists[_newest - 1].wrong;
        there = distributor.earlierLeft() + (wrong ? 0 : distributor.left());
    }

    /// @dev The same of the list before, which is a right one.
    function dueBefore() external view returns (uint256 sum, uint256 there) {
        if (_earlier == 0) return (0, 0);
        List storage list = _lists[_earlier - 1];
        for (uint256 i = 0; i < PAYEES; ++i) {
            if (list.due[i] > had[i]) sum += list.due[i] - had[i];
        }
        there = distributor.earlierLeft();
    }

    // ---------------------------------------------------------------- how it is done

    function _leaves(List memory list) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PAYEES + 1);
        for (uint256 i = 0; i <= PAYEES; ++i) {
            leaves[i] = distributor.leaf(people[i], list.due[i]);
        }
    }

    function _try(address by, bytes memory call_, bool lawful) private returns (bool done) {
        done = _raw(by, call_);
        vm.assertEq(done, lawful, "it is done if and only if it is lawful");
    }

    function _raw(address by, bytes memory call_) private returns (bool done) {
        vm.prank(by);
        (done,) = address(distributor).call(call_);
    }
}
