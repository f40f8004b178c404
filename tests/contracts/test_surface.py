"""The contracts offer what is listed here and nothing else: a new door is seen in review."""

from tests.contracts.escrow_chain import CHECKOUT, ESCROW, PLEDGES, REWARDS, TERMS, TOKEN

SIGNATURE = "uint8,bytes32,bytes32"
GIFT = "(address,address,uint256,uint16,bytes32,uint256,address,uint64,bytes32)"
SALE = "(address,address,uint256,uint16,address,(address,uint16)[],bytes32,bytes32,uint64)"
ORDER = "(address,bytes32,uint256,address,uint64,bytes32)"


def test_the_token() -> None:
    assert sorted(TOKEN.functions.values()) == sorted(
        [
            # ERC-20, with burning
            "name()",
            "symbol()",
            "decimals()",
            "totalSupply()",
            "balanceOf(address)",
            "transfer(address,uint256)",
            "allowance(address,address)",
            "approve(address,uint256)",
            "transferFrom(address,address,uint256)",
            "burn(uint256)",
            "burnFrom(address,uint256)",
            # EIP-2612 and EIP-5267
            f"permit(address,address,uint256,uint256,{SIGNATURE})",
            "nonces(address)",
            "DOMAIN_SEPARATOR()",
            "eip712Domain()",
            # EIP-3009
            "authorizationState(address,bytes32)",
            f"transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,{SIGNATURE})",
            f"receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,{SIGNATURE})",
            f"cancelAuthorization(address,bytes32,{SIGNATURE})",
        ]
    )


def test_the_escrow() -> None:
    assert sorted(ESCROW.functions.values()) == sorted(
        [
            f"open({TERMS})",
            f"openWithPermit({TERMS},uint256,{SIGNATURE})",
            f"openWithAuthorization({TERMS},{SIGNATURE})",
            f"returnStake({TERMS},bool)",
            f"announceForfeit({TERMS})",
            f"executeForfeit({TERMS})",
            f"expire({TERMS})",
            f"stakeId({TERMS})",
            "stakes(bytes32)",
            "token()",
            "FORFEIT_DELAY()",
            "MAX_DURATION()",
        ]
    )


def test_the_pledges() -> None:
    assert sorted(PLEDGES.functions.values()) == sorted(
        [
            "give(address,address,uint256,uint16,bytes32)",
            "giveEther(address,uint16,bytes32)",
            f"giveWithAuthorization({GIFT},{SIGNATURE})",
            f"giftId({GIFT})",
            "token()",
            "MAX_MONTHS()",
        ]
    )


def test_the_rewards() -> None:
    assert sorted(REWARDS.functions.values()) == sorted(
        [
            "propose(uint64,bytes32,uint256,bool)",
            "cancel(bytes32)",
            "accept(bytes32)",
            "joinEarlier()",
            "claim(address,uint256,bytes32,bytes32[])",
            "leaf(address,uint256)",
            "token()",
            "treasury()",
            "proposer()",
            "guardian()",
            "maxBudget()",
            "epoch()",
            "countsSince()",
            "root()",
            "left()",
            "earlierRoot()",
            "earlierLeft()",
            "proposal()",
            "claimed(address)",
            "DISPUTE_WINDOW()",
            "EARLIER_COUNTS()",
        ]
    )


def test_the_checkout() -> None:
    assert sorted(CHECKOUT.functions.values()) == sorted(
        [
            f"buy({SALE},{ORDER})",
            f"buyWithPermit({SALE},{ORDER},uint256,{SIGNATURE})",
            f"buyWithAuthorization({SALE},{ORDER},{SIGNATURE})",
            "refund(bytes32,address,address,uint256)",
            f"termsHash({SALE})",
            f"purchaseId({SALE},{ORDER})",
            "bought(bytes32)",
            "token()",
            "MAX_FEE_BPS()",
            "MAX_SHARES()",
        ]
    )
