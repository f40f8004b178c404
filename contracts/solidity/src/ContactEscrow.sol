// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Token} from "./Token.sol";

/// @title Holds the earnest money that a stranger puts down to reach somebody
/// @notice A stake is opened once and then takes exactly one way out: returned, forfeited (burned) or expired
/// (returned). Where its money may go is fixed by the terms it was opened with; nobody can take it elsewhere.
/// @dev Trust assumptions:
/// - No owner, pause, upgrade or rescue. What is sent here unasked is nobody's and stays.
/// - The resolver named in the terms decides *when* and *which of the allowed ways*, never *where to*. It can
///   return a stake or announce its forfeit, before `answerBy` only. Its worst is to be silent (the stake
///   expires back to `returnTo`) or to announce a false forfeit (the guardian has 48 hours to return it; the
///   money burns otherwise, and nobody is richer by it).
/// - The guardian can do one thing: turn an announced forfeit into a return. Zero means there is none.
/// - Anybody can expire an unanswered stake and execute an announced forfeit when its time has come, with the
///   terms that `Opened` published in clear: no service is needed to get a stake back.
/// - The token is Earnest's own: it takes no cut, calls nobody and cannot be paused. With any other token
///   nothing here is promised.
/// - Blocks carry an honest time within seconds, which is nothing beside hours and days.
/// - An id commits to the chain id. Should a chain split and a branch renumber itself, stakes that were open
///   can be resolved on the branch that kept its number only.
/// - Storage holds one slot a stake; everything else comes as calldata and is hashed again.
contract ContactEscrow {
    using SafeERC20 for Token;

    /// @notice All that was agreed on when the stake was opened. Its hash is the id of the stake.
    struct Terms {
        address payer; // whose tokens these are
        address returnTo; // where the stake goes back to
        uint256 amount; // returned, or burned on a forfeit
        uint256 fee; // earned by an answer
        address feePayee; // who earns it
        uint256 relayFee; // for whoever carries a signed opening to the chain; not due when the payer does
        address relayReceiver; // who gets it
        address resolver; // whose word counts
        address guardian; // who can stop a forfeit
        uint64 answerBy; // from here on anybody can expire the stake
        uint64 quoteExpiry; // from here on it can no longer be opened
        bytes32 commitment; // binds what this is for, without telling
    }

    /// @notice Where a stake is in its life. Whatever is not None has used its id for ever.
    enum State {
        None,
        Open,
        ForfeitAnnounced,
        Returned,
        Forfeited,
        Expired
    }

    /// @dev One storage slot.
    struct Stake {
        State state;
        uint64 executableAt;
    }

    /// @notice A stake was opened; the terms in clear are all that `expire` needs.
    event Opened(bytes32 indexed id, address indexed payer, address indexed resolver, Terms terms);
    /// @notice A stake goes back, with the fee earned (`answered`) or not.
    event Returned(bytes32 indexed id, bool answered);
    /// @notice A forfeit was announced, and can be executed from `executableAt` on.
    event ForfeitAnnounced(bytes32 indexed id, uint64 executableAt);
    /// @notice A stake is burned.
    event Forfeited(bytes32 indexed id);
    /// @notice Nobody answered; all of it goes back.
    event Expired(bytes32 indexed id);

    error ZeroToken();
    error NotThePayer(address caller);
    error NotTheResolver(address caller);
    error NotResolverOrGuardian(address caller);
    error IdUsed(bytes32 id);
    error WrongState(bytes32 id, State state);
    error NothingStaked();
    error BadReturnTo(address returnTo);
    error BadFeePayee(address feePayee);
    error BadRelayReceiver(address relayReceiver);
    error ZeroResolver();
    error AnswerByPassed(uint64 answerBy);
    error AnswerByNotReached(uint64 answerBy);
    error AnswerByTooFar(uint64 answerBy);
    error QuoteExpired(uint64 quoteExpiry);
    error QuoteOutlivesAnswer(uint64 quoteExpiry, uint64 answerBy);
    error ForfeitNotDue(uint64 executableAt);

    /// @notice How long an announced forfeit waits, so that it can still be turned into a return.
    uint256 public constant FORFEIT_DELAY = 48 hours;
    /// @notice The longest a stake can wait for its answer.
    uint256 public constant MAX_DURATION = 60 days;

    /// @notice The one token this escrow holds.
    Token public immutable token;

    /// @notice The state of a stake, and when its forfeit can be executed (0 unless one was announced).
    mapping(bytes32 id => Stake stake) public stakes;

    /// @notice Bind the escrow to one token for ever.
    /// @param token_ Earnest's token on this chain
    constructor(Token token_) {
        require(address(token_) != address(0), ZeroToken());
        token = token_;
    }

    // ------------------------------------------------------------------ opening
    //
    // The order of logs is part of what this contract promises. An opening: transfers first, then Opened, so that
    // whoever reads Opened has seen its money. An outcome: its event first, then the transfers or the burn, so that
    // whoever reads them knows what for. (Opened after the calls is what slither's reentrancy-events is told to allow.)

    /// @notice Open a stake with an allowance given before. Only the payer; the relay fee is not due.
    /// @param terms the agreed terms
    function open(Terms calldata terms) external {
        require(msg.sender == terms.payer, NotThePayer(msg.sender));
        bytes32 id = _begin(terms);
        token.safeTransferFrom(msg.sender, address(this), terms.amount + terms.fee);
        emit Opened(id, terms.payer, terms.resolver, terms);
    }

    /// @notice Open a stake with an EIP-2612 permit for exactly amount + fee. Only the payer; the relay fee is
    /// not due. A permit that somebody else submitted first has done its work, so its failure here is ignored.
    /// @param terms the agreed terms
    /// @param deadline until when the permit is good
    /// @param v recovery id of the permit's signature
    /// @param r first half of the signature
    /// @param s second half of the signature
    function openWithPermit(Terms calldata terms, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        require(msg.sender == terms.payer, NotThePayer(msg.sender));
        bytes32 id = _begin(terms);
        uint256 due = terms.amount + terms.fee;
        try token.permit(msg.sender, address(this), due, deadline, v, r, s) {} catch {}
        token.safeTransferFrom(msg.sender, address(this), due);
        // slither-disable-next-line reentrancy-events
        emit Opened(id, terms.payer, terms.resolver, terms);
    }

    /// @notice Open a stake with the payer's EIP-3009 authorization. Anybody may carry it here: the nonce that
    /// was signed is the stake's id, so no term can be changed on the way. The relay fee is paid at once.
    /// @dev Signed message: ReceiveWithAuthorization(payer, this, amount + fee + relayFee, 0, quoteExpiry, id).
    /// @param terms the agreed terms
    /// @param v recovery id of the authorization's signature
    /// @param r first half of the signature
    /// @param s second half of the signature
    function openWithAuthorization(Terms calldata terms, uint8 v, bytes32 r, bytes32 s) external {
        bytes32 id = _begin(terms);
        uint256 due = terms.amount + terms.fee + terms.relayFee;
        token.receiveWithAuthorization(terms.payer, address(this), due, 0, terms.quoteExpiry, id, v, r, s);
        _pay(terms.relayReceiver, terms.relayFee);
        // slither-disable-next-line reentrancy-events
        emit Opened(id, terms.payer, terms.resolver, terms);
    }

    // ------------------------------------------------------------------ ending

    /// @notice Give a stake back. While it is open: the resolver, before `answerBy`. While its forfeit is
    /// announced: the resolver or the guardian, until it is executed, and then always as answered.
    /// @param terms the terms it was opened with
    /// @param answered whether the fee was earned; if not, the fee goes back too
    function returnStake(Terms calldata terms, bool answered) external {
        bytes32 id = stakeId(terms);
        State state = stakes[id].state;
        if (state == State.Open) {
            require(msg.sender == terms.resolver, NotTheResolver(msg.sender));
            require(block.timestamp < terms.answerBy, AnswerByPassed(terms.answerBy));
        } else {
            require(state == State.ForfeitAnnounced, WrongState(id, state));
            require(msg.sender == terms.resolver || msg.sender == terms.guardian, NotResolverOrGuardian(msg.sender));
            answered = true;
        }
        stakes[id].state = State.Returned;
        emit Returned(id, answered);
        if (answered) {
            _pay(terms.returnTo, terms.amount);
            _pay(terms.feePayee, terms.fee);
        } else {
            _pay(terms.returnTo, terms.amount + terms.fee);
        }
    }

    /// @notice Announce that a stake is forfeited. Only the resolver, while it is open, before `answerBy`.
    /// @param terms the terms it was opened with
    function announceForfeit(Terms calldata terms) external {
        bytes32 id = _mustBe(terms, State.Open);
        require(msg.sender == terms.resolver, NotTheResolver(msg.sender));
        require(block.timestamp < terms.answerBy, AnswerByPassed(terms.answerBy));
        // It fits: answerBy does, which is later than now and at most 60 days after the opening.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint64 executableAt = uint64(block.timestamp + FORFEIT_DELAY);
        stakes[id] = Stake(State.ForfeitAnnounced, executableAt);
        emit ForfeitAnnounced(id, executableAt);
    }

    /// @notice Burn a stake whose forfeit was announced 48 hours ago. Anybody. The fee was earned: there was an
    /// answer.
    /// @param terms the terms it was opened with
    function executeForfeit(Terms calldata terms) external {
        bytes32 id = _mustBe(terms, State.ForfeitAnnounced);
        uint64 executableAt = stakes[id].executableAt;
        require(block.timestamp >= executableAt, ForfeitNotDue(executableAt));
        stakes[id].state = State.Forfeited;
        emit Forfeited(id);
        if (terms.amount > 0) token.burn(terms.amount);
        _pay(terms.feePayee, terms.fee);
    }

    /// @notice Send an unanswered stake back, fee and all, from `answerBy` on. Anybody.
    /// @param terms the terms it was opened with
    function expire(Terms calldata terms) external {
        bytes32 id = _mustBe(terms, State.Open);
        require(block.timestamp >= terms.answerBy, AnswerByNotReached(terms.answerBy));
        stakes[id].state = State.Expired;
        emit Expired(id);
        _pay(terms.returnTo, terms.amount + terms.fee);
    }

    // ------------------------------------------------------------------ reading

    /// @notice The id of a stake: the hash of the chain, this escrow and every term. It is the EIP-3009 nonce too.
    /// @param terms the terms
    /// @return id the same for the same terms, and for no others
    function stakeId(Terms calldata terms) public view returns (bytes32 id) {
        return keccak256(abi.encode(block.chainid, address(this), terms));
    }

    // ------------------------------------------------------------------ within

    /// @dev Check the terms and take their id, before any token moves.
    function _begin(Terms calldata terms) private returns (bytes32 id) {
        id = stakeId(terms);
        require(stakes[id].state == State.None, IdUsed(id));
        require(terms.amount + terms.fee > 0, NothingStaked());
        require(_canBePaid(terms.returnTo), BadReturnTo(terms.returnTo));
        require(terms.fee == 0 || _canBePaid(terms.feePayee), BadFeePayee(terms.feePayee));
        require(terms.relayFee == 0 || _canBePaid(terms.relayReceiver), BadRelayReceiver(terms.relayReceiver));
        require(terms.resolver != address(0), ZeroResolver());
        require(terms.answerBy > block.timestamp, AnswerByPassed(terms.answerBy));
        require(terms.answerBy <= block.timestamp + MAX_DURATION, AnswerByTooFar(terms.answerBy));
        require(terms.quoteExpiry <= terms.answerBy, QuoteOutlivesAnswer(terms.quoteExpiry, terms.answerBy));
        require(block.timestamp < terms.quoteExpiry, QuoteExpired(terms.quoteExpiry));

        stakes[id].state = State.Open;
    }

    /// @dev The id of these terms, if the stake is in that state.
    function _mustBe(Terms calldata terms, State wanted) private view returns (bytes32 id) {
        id = stakeId(terms);
        State state = stakes[id].state;
        require(state == wanted, WrongState(id, state));
    }

    /// @dev Whether money sent there is not lost at once.
    function _canBePaid(address to) private view returns (bool) {
        return to != address(0) && to != address(this);
    }

    /// @dev A leg of nothing leaves no transfer behind.
    function _pay(address to, uint256 value) private {
        if (value > 0) token.safeTransfer(to, value);
    }
}
