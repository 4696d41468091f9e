//! Texts of the page `account`.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Account", "账户";
        role: "Role", "角色";
        email: "E-mail", "邮箱";
        password: "Password", "密码";
        current_password: "Current password", "当前密码";
        new_password: "New password", "新密码";
        password_hint: "At least 12 characters. All other sessions end.", "至少 12 个字符。其他会话都会结束。";
        change_password: "Change password", "修改密码";
        second_factor: "Second factor", "二次验证";
        totp_off: "Your password alone signs you in.", "目前仅凭密码即可登录。";
        totp_on: "An authenticator app is set up. Recovery codes left: {0}.", "已设置身份验证器应用。剩余恢复代码：{0}。";
        totp_set_up: "Set up an authenticator app", "设置身份验证器应用";
        totp_renew: "Set up anew", "重新设置";
        totp_remove: "Remove second factor", "移除二次验证";
        totp_how: "Scan the picture with your authenticator app, or type the secret there. Then enter the code that it shows.", "用身份验证器应用扫描图片，或在其中输入密钥，然后填写它显示的验证码。";
        scan: "QR code of the secret", "密钥的二维码";
        secret: "Secret", "密钥";
        open_app: "Open in an app on this device", "在本设备的应用中打开";
        code: "Code", "验证码";
        confirm: "Confirm", "确认";
        codes_title: "Recovery codes", "恢复代码";
        codes_lead: "Each signs you in once if you lose the app. They are shown this once: keep them somewhere safe.", "丢失应用时，每个代码可登录一次。仅显示这一次，请妥善保存。";
        sessions: "Sessions", "会话";
        browser: "Browser", "浏览器";
        since: "Since", "开始于";
        last_seen: "Last seen", "最近活动";
        this_one: "this one", "当前";
        unknown: "unknown", "未知";
        end_others: "End all other sessions", "结束所有其他会话";
        password_done: "The password was changed.", "密码已修改。";
        totp_removed: "The second factor was removed.", "二次验证已移除。";
        sessions_ended: "All other sessions have ended.", "其他会话均已结束。";
        wrong_password: "The current password is wrong.", "当前密码错误。";
        bad_password: "The new password needs at least 12 characters.", "新密码至少需要 12 个字符。";
        wrong_code: "The code is wrong. Check the clock of your device.", "验证码错误，请检查设备的时间。";
        wait: "Too many attempts. Try again in a minute.", "尝试次数过多，请一分钟后重试。";
        busy: "Too many people are signing in. Try again in a moment.", "登录人数过多，请稍后重试。";
        late: "That took too long. Start again.", "操作超时，请重新开始。";
        changed: "Your account was changed meanwhile. Try again.", "你的账户已在此期间被修改，请重试。";
        failed: "That did not work. Try again.", "操作未成功，请重试。";
    }
}
