// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkout} from "../src/Checkout.sol";
import {ContactEscrow} from "../src/ContactEscrow.sol";
import {Pledges} from "../src/Pledges.sol";
import {RewardDistributor} from "../src/RewardDistributor.sol";
import {Token} from "../src/Token.sol";
import {EscrowTest} from "./support/EscrowTest.sol";

/// @dev What each transaction costs, whole (run with --isolate: 21,000 and calldata included). The numbers are kept in
/// snapshots/ and stand in docs/contracts.md.
contract GasTest is EscrowTest {
    function _kept(string memory name) private {
        vm.snapshotGasLastCall("transactions", name);
    }

    /// @dev Somebody who has held tokens before, so that no balance is new. It is what most calls meet.
    function _settled(address who) private {
        vm.prank(treasury);
        token.transfer(who, 1);
    }

    function setUp() public override {
        super.setUp();
        address[4] memory all = [returnTo, feePayee, relayer, address(escrow)];
        for (uint256 i = 0; i < all.length; ++i) {
            _settled(all[i]);
        }
    }

    function test_gas_open() public {
        ContactEscrow.Terms memory terms = _terms();
        vm.prank(payer);
        token.approve(address(escrow), 6 ether);
        _kept("token.approve");
        vm.prank(payer);
        escrow.open(terms);
        _kept("escrow.open");
    }

    function test_gas_open_with_permit() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signPermit(token, PAYER_KEY, address(escrow), 6 ether, 0, _now());
        vm.prank(payer);
        escrow.openWithPermit(terms, _now(), sig.v, sig.r, sig.s);
        _kept("escrow.openWithPermit");
    }

    function test_gas_open_with_authorization() public {
        ContactEscrow.Terms memory terms = _terms();
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        vm.prank(relayer);
        escrow.openWithAuthorization(terms, sig.v, sig.r, sig.s);
        _kept("escrow.openWithAuthorization");
    }

    function test_gas_open_with_authorization_without_relay_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.relayFee = 0;
        Signature memory sig = _signOpening(terms, PAYER_KEY);
        vm.prank(relayer);
        escrow.openWithAuthorization(terms, sig.v, sig.r, sig.s);
        _kept("escrow.openWithAuthorization, no relay fee");
    }

    function test_gas_return_answered() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.prank(resolver);
        escrow.returnStake(terms, true);
        _kept("escrow.returnStake, answered");
    }

    function test_gas_return_without_a_fee() public {
        ContactEscrow.Terms memory terms = _terms();
        terms.fee = 0;
        _opened(terms);
        vm.prank(resolver);
        escrow.returnStake(terms, true);
        _kept("escrow.returnStake, no fee");
    }

    function test_gas_return_unanswered() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.prank(resolver);
        escrow.returnStake(terms, false);
        _kept("escrow.returnStake, unanswered");
    }

    function test_gas_forfeit() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.prank(resolver);
        escrow.announceForfeit(terms);
        _kept("escrow.announceForfeit");
        vm.warp(_now() + 48 hours);
        vm.prank(anybody);
        escrow.executeForfeit(terms);
        _kept("escrow.executeForfeit");
    }

    function test_gas_guardian() public {
        ContactEscrow.Terms memory terms = _terms();
        _announced(terms);
        vm.prank(guardian);
        escrow.returnStake(terms, true);
        _kept("escrow.returnStake, by the guardian");
    }

    function test_gas_expire() public {
        ContactEscrow.Terms memory terms = _terms();
        _opened(terms);
        vm.warp(terms.answerBy);
        vm.prank(anybody);
        escrow.expire(terms);
        _kept("escrow.expire");
    }

    /// @dev To a cause that holds some already.
    function test_gas_pledges() public {
        Pledges pledges = new Pledges(token);
        _settled(anybody);
        _settled(address(pledges));
        vm.deal(payer, 2 ether);
        vm.deal(anybody, 1);
        vm.prank(payer);
        token.approve(address(pledges), 10 ether);
        vm.prank(payer);
        pledges.give(anybody, token, 5 ether, 12, keccak256("memo"));
        _kept("pledges.give");
        vm.prank(payer);
        pledges.giveEther{value: 1 ether}(anybody, 12, keccak256("memo"));
        _kept("pledges.giveEther");
        Pledges.Gift memory gift = Pledges.Gift({
            giver: payer,
            cause: anybody,
            amount: 5 ether,
            months: 12,
            memo: keccak256("memo"),
            relayFee: 0.25 ether,
            relayReceiver: relayer,
            validBefore: uint64(_now() + 1 hours),
            salt: keccak256("salt")
        });
        Signature memory sig = _signReceive(
            token,
            PAYER_KEY,
            Authorization(payer, address(pledges), 5.25 ether, 0, gift.validBefore, pledges.giftId(gift))
        );
        vm.prank(relayer);
        pledges.giveWithAuthorization(gift, sig.v, sig.r, sig.s);
        _kept("pledges.giveWithAuthorization");
    }

    /// @dev Proofs as long as among 100,000 payees; to one who has held tokens before, first and again.
    function test_gas_rewards() public {
        RewardDistributor rewards = new RewardDistributor(token, treasury, resolver, guardian, 100 ether);
        _settled(address(rewards));
        _settled(anybody);
        vm.prank(treasury);
        token.approve(address(rewards), 100 ether);
        bytes32[] memory proof = _proof();
        for (uint256 turn = 1; turn <= 2; ++turn) {
            bytes32 root = rewards.leaf(anybody, turn * 1 ether);
            for (uint256 i = 0; i < proof.length; ++i) {
                bytes32 other = proof[i];
                root = root < other ? keccak256(abi.encode(root, other)) : keccak256(abi.encode(other, root));
            }
            vm.prank(resolver);
            // forge-lint: disable-next-line(unsafe-typecast)
            rewards.propose(uint64(turn), root, 10 ether, false);
            if (turn == 2) _kept("rewards.propose");
            vm.warp(_now() + 72 hours);
            vm.prank(relayer);
            rewards.accept(root);
            if (turn == 2) _kept("rewards.accept");
            vm.prank(relayer);
            rewards.claim(anybody, turn * 1 ether, root, proof);
            _kept(turn == 1 ? "rewards.claim, the first" : "rewards.claim, again");
        }
        vm.prank(resolver);
        rewards.propose(3, keccak256("wrong"), 10 ether, false);
        vm.prank(guardian);
        rewards.cancel(keccak256("wrong"));
        _kept("rewards.cancel");
    }

    function _proof() private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](17);
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] = keccak256(abi.encode(i));
        }
    }

    /// @dev Payees who hold some already; `checkout.buy` with a fee and one who sells along, unless it says otherwise.
    function test_gas_checkout() public {
        Checkout checkout = new Checkout(token);
        _settled(anybody);
        _settled(address(checkout));
        Checkout.Terms memory terms;
        (terms.seller, terms.asset, terms.price) = (anybody, address(token), 5 ether);
        terms.validUntil = uint64(_now() + 1 days);
        Checkout.Order memory order =
            Checkout.Order(payer, keccak256("memo"), 0.25 ether, relayer, uint64(_now() + 1 hours), keccak256("alone"));
        vm.prank(payer);
        token.approve(address(checkout), 100 ether);
        vm.prank(payer);
        checkout.buy(terms, order);
        _kept("checkout.buy, a seller alone");
        terms.feeBps = 500;
        terms.feeReceiver = feePayee;
        terms.shares = new Checkout.Share[](1);
        terms.shares[0] = Checkout.Share(returnTo, 2_000);
        vm.prank(payer);
        checkout.buy(terms, order);
        _kept("checkout.buy");
        order.salt = keccak256("by permit");
        Signature memory sig = _signPermit(token, PAYER_KEY, address(checkout), 5 ether, 0, _now());
        vm.prank(payer);
        checkout.buyWithPermit(terms, order, _now(), sig.v, sig.r, sig.s);
        _kept("checkout.buyWithPermit");
        order.salt = keccak256("by signature");
        bytes32 id = checkout.purchaseId(terms, order);
        sig = _signReceive(
            token, PAYER_KEY, Authorization(payer, address(checkout), 5.25 ether, 0, order.validBefore, id)
        );
        vm.prank(relayer);
        checkout.buyWithAuthorization(terms, order, sig.v, sig.r, sig.s);
        _kept("checkout.buyWithAuthorization");
        vm.prank(anybody);
        token.approve(address(checkout), 1 ether);
        vm.prank(anybody);
        checkout.refund(id, payer, token, 1 ether);
        _kept("checkout.refund");
    }

    function test_gas_token() public {
        vm.prank(payer);
        token.transfer(anybody, 1 ether);
        _kept("token.transfer, to a new holder");
        vm.prank(payer);
        token.transfer(anybody, 1 ether);
        _kept("token.transfer");
        vm.prank(payer);
        token.burn(1 ether);
        _kept("token.burn");
        Authorization memory a = Authorization(payer, anybody, 1 ether, 0, _now() + 1, keccak256("nonce"));
        Signature memory sig = _signTransfer(token, PAYER_KEY, a);
        vm.prank(relayer);
        token.transferWithAuthorization(a.from, a.to, a.value, 0, a.validBefore, a.nonce, sig.v, sig.r, sig.s);
        _kept("token.transferWithAuthorization");
    }
}
